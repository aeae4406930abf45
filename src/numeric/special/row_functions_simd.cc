#include "numeric/special/row_functions.h"
#include "numeric/special/vec_math.h"

namespace vinci::numeric::VINCI_TARGET {
namespace {

template <typename F>
void unary(F f, const double* a, double* y, int64_t n) {
  int64_t k = 0;
  for (; k + kVecSize <= n; k += kVecSize) store_unaligned(y + k, f(load_unaligned(a + k)));
  if (k == n) return;
  Vec x = Vec(0.0);
  for (int64_t i = k; i < n; ++i) x.set(static_cast<int>(i - k), a[i]);
  const Vec r = f(x);
  for (int64_t i = k; i < n; ++i) y[i] = r[static_cast<int>(i - k)];
}

template <typename F>
void binary(F f, const double* a, const double* b, double* y, int64_t n) {
  int64_t k = 0;
  for (; k + kVecSize <= n; k += kVecSize)
    store_unaligned(y + k, f(load_unaligned(a + k), load_unaligned(b + k)));
  if (k == n) return;
  Vec u = Vec(0.0);
  Vec v = Vec(0.0);
  for (int64_t i = k; i < n; ++i) {
    u.set(static_cast<int>(i - k), a[i]);
    v.set(static_cast<int>(i - k), b[i]);
  }
  const Vec r = f(u, v);
  for (int64_t i = k; i < n; ++i) y[i] = r[static_cast<int>(i - k)];
}

}  // namespace

void row_function(RowFunction f, const double* a, const double* b, double* y, int64_t n) {
  switch (f) {
#define VINCI_VEC_UNARY(name, max_ulp, low, high)                                                  \
  case RowFunction::name:                                                                          \
    return unary([](Vec x) __attribute__((always_inline)) { return VINCI_TARGET::name(x); }, a, y, \
                 n);
#define VINCI_VEC_BINARY(name)                                                             \
  case RowFunction::name:                                                                  \
    return binary([](Vec u, Vec v)                                                         \
                      __attribute__((always_inline)) { return VINCI_TARGET::name(u, v); }, \
                  a, b, y, n);
#include "numeric/special/vec_math.def"
  }
}

}  // namespace vinci::numeric::VINCI_TARGET
