#include "numeric/linalg/dense_product.h"
#include "numeric/simd/vec.h"

namespace vinci::numeric::VINCI_TARGET {
namespace {

// A block of kRows rows by kVecs vectors of C stays in registers: 16 of 32 with AVX-512, 8 of 16
// elsewhere.
#if defined(__AVX512F__)
constexpr int kRows = 8;
constexpr int kVecs = 2;
#elif defined(__AVX2__)
constexpr int kRows = 4;
constexpr int kVecs = 1;
#else
constexpr int kRows = 2;
constexpr int kVecs = 1;
#endif

VINCI_INLINE Vec load_some(const double* p, int64_t count) {
  if (count >= kVecSize) return load_unaligned(p);
  Vec r = Vec(0.0);
  for (int i = 0; i < count; ++i) r.set(i, p[i]);
  return r;
}
VINCI_INLINE void store_some(double* p, Vec x, int64_t count) {
  if (count >= kVecSize) return store_unaligned(p, x);
  for (int i = 0; i < count; ++i) p[i] = x[i];
}

/// `columns`: how many of the block's columns exist.
template <int R, int V>
VINCI_INLINE void block(int64_t k, const double* a, int64_t row_a, int64_t col_a, const double* b,
                        int64_t stride_b, double* c, int64_t stride_c, bool accumulate,
                        int64_t columns) {
  const bool whole = columns >= V * kVecSize;
  Vec sum[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      sum[r][v] = accumulate ? load_some(c + r * stride_c + v * kVecSize, columns - v * kVecSize)
                             : Vec(0.0);
  for (int64_t p = 0; p < k; ++p) {
    Vec x[V];
    for (int v = 0; v < V; ++v) {
      const double* row = b + p * stride_b + v * kVecSize;
      x[v] = whole ? load_unaligned(row) : load_some(row, columns - v * kVecSize);
    }
    for (int r = 0; r < R; ++r) {
      const Vec w = Vec(a[r * row_a + p * col_a]);
      for (int v = 0; v < V; ++v) sum[r][v] = fma(w, x[v], sum[r][v]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      store_some(c + r * stride_c + v * kVecSize, sum[r][v], columns - v * kVecSize);
}

template <int V>
VINCI_INLINE void columns_of(int64_t m, int64_t k, const double* a, int64_t row_a, int64_t col_a,
                             const double* b, int64_t stride_b, double* c, int64_t stride_c,
                             bool accumulate, int64_t columns) {
  int64_t i = 0;
  for (; i + kRows <= m; i += kRows)
    block<kRows, V>(k, a + i * row_a, row_a, col_a, b, stride_b, c + i * stride_c, stride_c,
                    accumulate, columns);
  for (; i < m; ++i)
    block<1, V>(k, a + i * row_a, row_a, col_a, b, stride_b, c + i * stride_c, stride_c, accumulate,
                columns);
}

}  // namespace

void dense_product(int64_t m, int64_t n, int64_t k, const double* a, int64_t row_a, int64_t col_a,
                   const double* b, int64_t stride_b, double* c, int64_t stride_c,
                   bool accumulate) {
  int64_t j = 0;
  for (; j + kVecs * kVecSize <= n; j += kVecs * kVecSize)
    columns_of<kVecs>(m, k, a, row_a, col_a, b + j, stride_b, c + j, stride_c, accumulate,
                      kVecs * kVecSize);
  for (; j < n; j += kVecSize)
    columns_of<1>(m, k, a, row_a, col_a, b + j, stride_b, c + j, stride_c, accumulate, n - j);
}

}  // namespace vinci::numeric::VINCI_TARGET
