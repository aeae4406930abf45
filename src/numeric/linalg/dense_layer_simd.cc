#include "numeric/linalg/dense_layer.h"
#include "numeric/simd/vec.h"

namespace vinci::numeric::VINCI_TARGET {
namespace {

// As many sums as registers hold with room for the operands: 4 x 2 zmm, 4 x 2 ymm, 2 x 4 xmm.
constexpr int kRows = VINCI_PARTS == 4 ? 2 : 4;
constexpr int kVecs = VINCI_PARTS == 1 ? 2 : 1;

/// The first n < 8 of a block; the rest zero.
VINCI_INLINE Vec load_some(const double* p, int64_t n) {
  Vec r = Vec(0.0);
  for (int i = 0; i < n; ++i) r.set(i, p[i]);
  return r;
}
VINCI_INLINE void store_some(double* p, Vec x, int64_t n) {
  for (int i = 0; i < n; ++i) p[i] = x[i];
}
VINCI_INLINE Vec load_lanes(const double* p, int64_t n) {
  return n >= kVecSize ? load_unaligned(p) : load_some(p, n);
}

/// R rows, V blocks of lanes; the last block has `last` lanes.
template <int R, int V>
VINCI_INLINE void product_tile(int64_t inner, const double* w, int64_t row_step, int64_t inner_step,
                               const double* bias, double leak, const double* x, int64_t x_stride,
                               double* y, int64_t y_stride, int64_t last) {
  Vec sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = Vec(bias ? bias[r] : 0.0);
  }
  for (int64_t k = 0; k < inner; ++k) {
    Vec in[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const double* p = x + k * x_stride + v * kVecSize;
      in[v] = v + 1 < V ? load_unaligned(p) : load_lanes(p, last);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vec weight = splat(w[r * row_step + k * inner_step]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = fma(weight, in[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const Vec out = max(sum[r][v], sum[r][v] * leak);
      double* p = y + r * y_stride + v * kVecSize;
      if (v + 1 < V || last >= kVecSize) {
        store_unaligned(p, out);
      } else {
        store_some(p, out, last);
      }
    }
  }
}

template <int V>
VINCI_INLINE void product_rows(int64_t rows, int64_t inner, const double* w, int64_t row_step,
                               int64_t inner_step, const double* bias, double leak, const double* x,
                               int64_t x_stride, double* y, int64_t y_stride, int64_t last) {
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows) {
    product_tile<kRows, V>(inner, w + i * row_step, row_step, inner_step, bias ? bias + i : bias,
                           leak, x, x_stride, y + i * y_stride, y_stride, last);
  }
  for (; i < rows; ++i) {
    product_tile<1, V>(inner, w + i * row_step, row_step, inner_step, bias ? bias + i : bias, leak,
                       x, x_stride, y + i * y_stride, y_stride, last);
  }
}

/// R x C sums over lanes, each from blocks of eight.
template <int R, int C>
VINCI_INLINE void outer_tile(const double* a, int64_t a_stride, const double* b, int64_t b_stride,
                             double* g, int64_t g_stride, int64_t lanes) {
  Vec sum[R][C];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) sum[r][c] = Vec(0.0);
  }
  int64_t l = 0;
  for (; l + kVecSize <= lanes; l += kVecSize) {
    Vec right[C];
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) right[c] = load_unaligned(b + c * b_stride + l);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Vec left = load_unaligned(a + r * a_stride + l);
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) sum[r][c] = fma(left, right[c], sum[r][c]);
    }
  }
  if (l < lanes) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Vec left = load_some(a + r * a_stride + l, lanes - l);
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) {
        sum[r][c] = fma(left, load_some(b + c * b_stride + l, lanes - l), sum[r][c]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) g[r * g_stride + c] += numeric::VINCI_TARGET::sum(sum[r][c]);
  }
}

template <int R>
VINCI_INLINE void outer_cols(int64_t cols, const double* a, int64_t a_stride, const double* b,
                             int64_t b_stride, double* g, int64_t g_stride, int64_t lanes) {
  constexpr int kCols = kRows;
  int64_t j = 0;
  for (; j + kCols <= cols; j += kCols) {
    outer_tile<R, kCols>(a, a_stride, b + j * b_stride, b_stride, g + j, g_stride, lanes);
  }
  for (; j < cols; ++j) {
    outer_tile<R, 1>(a, a_stride, b + j * b_stride, b_stride, g + j, g_stride, lanes);
  }
}

}  // namespace

void dense_product(int64_t rows, int64_t inner, const double* w, int64_t row_step,
                   int64_t inner_step, const double* bias, double leak, const double* x,
                   int64_t x_stride, double* y, int64_t y_stride, int64_t lanes) {
  constexpr int64_t kWide = kVecs * kVecSize;
  int64_t l = 0;
  for (; l + kWide <= lanes; l += kWide) {
    product_rows<kVecs>(rows, inner, w, row_step, inner_step, bias, leak, x + l, x_stride, y + l,
                        y_stride, kVecSize);
  }
  for (; l < lanes; l += kVecSize) {
    product_rows<1>(rows, inner, w, row_step, inner_step, bias, leak, x + l, x_stride, y + l,
                    y_stride, lanes - l);
  }
}

void dense_outer(int64_t rows, int64_t cols, const double* a, int64_t a_stride, const double* b,
                 int64_t b_stride, double* g, int64_t g_stride, int64_t lanes) {
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows) {
    outer_cols<kRows>(cols, a + i * a_stride, a_stride, b, b_stride, g + i * g_stride, g_stride,
                      lanes);
  }
  for (; i < rows; ++i) {
    outer_cols<1>(cols, a + i * a_stride, a_stride, b, b_stride, g + i * g_stride, g_stride, lanes);
  }
}

void leaky_derivative(double leak, const double* output, double* adjoint, int64_t n) {
  int64_t k = 0;
  for (; k + kVecSize <= n; k += kVecSize) {
    const Vec a = load_unaligned(adjoint + k);
    store_unaligned(adjoint + k, select(load_unaligned(output + k) > 0.0, a, a * leak));
  }
  for (; k < n; ++k) adjoint[k] *= output[k] > 0 ? 1.0 : leak;
}

}  // namespace vinci::numeric::VINCI_TARGET
