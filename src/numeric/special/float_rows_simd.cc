#include "numeric/special/float_math.h"
#include "numeric/special/float_rows.h"

namespace vinci::numeric::VINCI_TARGET {
namespace {

template <typename F>
void row(F f, const float* x, float* y, int64_t n) {
  int64_t k = 0;
  for (; k + kFloatVecSize <= n; k += kFloatVecSize)
    store_unaligned(y + k, f(load_unaligned(x + k)));
  if (k == n) return;
  FloatVec rest = FloatVec(1.0f);
  for (int64_t i = k; i < n; ++i) rest.set(static_cast<int>(i - k), x[i]);
  const FloatVec r = f(rest);
  for (int64_t i = k; i < n; ++i) y[i] = r[static_cast<int>(i - k)];
}

}  // namespace

void float_exp(const float* x, float* y, int64_t n) {
  row([](FloatVec v) __attribute__((always_inline)) { return VINCI_TARGET::exp(v); }, x, y, n);
}
void float_log(const float* x, float* y, int64_t n) {
  row([](FloatVec v) __attribute__((always_inline)) { return VINCI_TARGET::log(v); }, x, y, n);
}
void float_tanh(const float* x, float* y, int64_t n) {
  row([](FloatVec v) __attribute__((always_inline)) { return VINCI_TARGET::tanh(v); }, x, y, n);
}

}  // namespace vinci::numeric::VINCI_TARGET
