#include "numeric/linalg/lane_algorithms.h"
#include "numeric/simd/vec.h"

namespace vinci::numeric::VINCI_TARGET {
namespace {

/// Element k of a packed block of eight lanes.
VINCI_INLINE Vec at(const double* block, int64_t k) { return load_unaligned(block + k * kVecSize); }
VINCI_INLINE void put(double* block, int64_t k, Vec x) { store_unaligned(block + k * kVecSize, x); }

void gather(int64_t n, const double* const* rows, int lane, double* block) {
  for (int64_t k = 0; k < n; ++k) put(block, k, load_unaligned(rows[k] + lane));
}
void scatter(int64_t n, const double* block, int lane, double* const* rows) {
  for (int64_t k = 0; k < n; ++k) store_unaligned(rows[k] + lane, at(block, k));
}
void scatter_add(int64_t n, const double* block, int lane, double* const* rows) {
  for (int64_t k = 0; k < n; ++k) {
    if (!rows[k]) continue;
    store_unaligned(rows[k] + lane, load_unaligned(rows[k] + lane) + at(block, k));
  }
}
bool any_row(int64_t n, double* const* rows) {
  for (int64_t k = 0; k < n; ++k)
    if (rows[k]) return true;
  return false;
}

VINCI_INLINE int64_t packed(int64_t i, int64_t j) { return i * (i + 1) / 2 + j; }

/// In place: block holds the packed lower triangle of A, then of L.
__attribute__((noinline)) void factorise(int64_t n, double* block) {
  for (int64_t j = 0; j < n; ++j) {
    const double* row_j = block + packed(j, 0) * kVecSize;
    Vec pivot = at(row_j, j);
    for (int64_t k = 0; k < j; ++k) pivot = fma(-at(row_j, k), at(row_j, k), pivot);
    pivot = sqrt(select(pivot > 0.0, pivot, Vec(__builtin_nan(""))));
    put(block, packed(j, j), pivot);
    const Vec inverse = 1.0 / pivot;
    int64_t i = j + 1;
    for (; i + 4 <= n; i += 4) {  // four rows share the loads of row j
      double* r0 = block + packed(i, 0) * kVecSize;
      double* r1 = block + packed(i + 1, 0) * kVecSize;
      double* r2 = block + packed(i + 2, 0) * kVecSize;
      double* r3 = block + packed(i + 3, 0) * kVecSize;
      Vec s0 = at(r0, j), s1 = at(r1, j), s2 = at(r2, j), s3 = at(r3, j);
      for (int64_t k = 0; k < j; ++k) {
        const Vec c = -at(row_j, k);
        s0 = fma(at(r0, k), c, s0);
        s1 = fma(at(r1, k), c, s1);
        s2 = fma(at(r2, k), c, s2);
        s3 = fma(at(r3, k), c, s3);
      }
      put(r0, j, s0 * inverse);
      put(r1, j, s1 * inverse);
      put(r2, j, s2 * inverse);
      put(r3, j, s3 * inverse);
    }
    for (; i < n; ++i) {
      double* r = block + packed(i, 0) * kVecSize;
      Vec s = at(r, j);
      for (int64_t k = 0; k < j; ++k) s = fma(-at(r, k), at(row_j, k), s);
      put(r, j, s * inverse);
    }
  }
}

/// x <- L^{-1} x or L'^{-1} x for the m columns of x [n, m].
void solve(int64_t n, int64_t m, bool transposed, const double* l, double* x) {
  if (!transposed) {
    for (int64_t i = 0; i < n; ++i) {
      const double* row = l + packed(i, 0) * kVecSize;
      const Vec inverse = 1.0 / at(row, i);
      for (int64_t c = 0; c < m; ++c) {
        Vec s = at(x, i * m + c);
        for (int64_t k = 0; k < i; ++k) s = fma(-at(row, k), at(x, k * m + c), s);
        put(x, i * m + c, s * inverse);
      }
    }
    return;
  }
  for (int64_t i = n - 1; i >= 0; --i) {
    const Vec inverse = 1.0 / at(l, packed(i, i));
    for (int64_t c = 0; c < m; ++c) {
      Vec s = at(x, i * m + c);
      for (int64_t k = i + 1; k < n; ++k) s = fma(-at(l, packed(k, i)), at(x, k * m + c), s);
      put(x, i * m + c, s * inverse);
    }
  }
}

/// sum_k a[k stride_a] b[k stride_b].
VINCI_INLINE Vec inner(int64_t n, const double* a, int64_t stride_a, const double* b,
                       int64_t stride_b) {
  Vec s0 = Vec(0.0);
  Vec s1 = Vec(0.0);
  int64_t k = 0;
  for (; k + 2 <= n; k += 2) {
    s0 = fma(at(a, k * stride_a), at(b, k * stride_b), s0);
    s1 = fma(at(a, (k + 1) * stride_a), at(b, (k + 1) * stride_b), s1);
  }
  if (k < n) s0 = fma(at(a, k * stride_a), at(b, k * stride_b), s0);
  return s0 + s1;
}

/// What panel_kernel keeps in registers: rows of a panel times lane blocks.
#if defined(__AVX512F__)
constexpr int kKernelRows = 8;
constexpr int kKernelColumns = 2;
#elif defined(__AVX2__)
constexpr int kKernelRows = 4;
constexpr int kKernelColumns = 1;
#else
constexpr int kKernelRows = 2;
constexpr int kKernelColumns = 1;
#endif

/// kKernelRows rows of a panel times `Columns` lane blocks, over columns [begin, end).
template <int Columns>
VINCI_INLINE void panel_kernel(const double* panel, int64_t begin, int64_t end,
                               const double* const* x, int lane, double* const* y, bool add) {
  Vec sum[kKernelRows][Columns];
#pragma GCC unroll 8
  for (int r = 0; r < kKernelRows; ++r)
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c)
      sum[r][c] = add ? load_unaligned(y[r] + lane + c * kVecSize) : Vec(0.0);
  for (int64_t k = begin; k < end; ++k) {
    Vec v[Columns];
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c) v[c] = load_unaligned(x[k] + lane + c * kVecSize);
#pragma GCC unroll 8
    for (int r = 0; r < kKernelRows; ++r) {
      const Vec p = Vec(panel[k * kPanelRows + r]);
#pragma GCC unroll 2
      for (int c = 0; c < Columns; ++c) sum[r][c] = fma(p, v[c], sum[r][c]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kKernelRows; ++r)
#pragma GCC unroll 2
    for (int c = 0; c < Columns; ++c) store_unaligned(y[r] + lane + c * kVecSize, sum[r][c]);
}

template <int N>
struct Width {
  static constexpr int value = N;
};

/// The elements of one row of a sparse block times `Columns` lane blocks.
template <int Columns>
VINCI_INLINE void sparse_kernel(int64_t count, const uint32_t* column, const double* value,
                                const double* const* x, int64_t lane, double* y, bool add) {
  Vec sum[Columns];
#pragma GCC unroll 4
  for (int c = 0; c < Columns; ++c)
    sum[c] = add ? load_unaligned(y + lane + c * kVecSize) : Vec(0.0);
  for (int64_t k = 0; k < count; ++k) {
    const Vec p = Vec(value[k]);
    const double* row = x[column[k]] + lane;
#pragma GCC unroll 4
    for (int c = 0; c < Columns; ++c) sum[c] = fma(p, load_unaligned(row + c * kVecSize), sum[c]);
  }
#pragma GCC unroll 4
  for (int c = 0; c < Columns; ++c) store_unaligned(y + lane + c * kVecSize, sum[c]);
}

}  // namespace

void cholesky_forward(int n, const double* const* a, double* const* l, double* scratch, int lanes) {
  const int64_t size = packed(n, 0);
  for (int lane = 0; lane < lanes; lane += kVecSize) {
    double* block = scratch + lane * 2 * size;
    gather(size, a, lane, block);
    factorise(n, block);
    // A failed pivot makes NaN of all later ones; the earlier columns follow suit here.
    const Mask failed = n > 0 ? is_nan(at(block, size - 1)) : is_nan(Vec(0.0));
    if (any(failed))
      for (int64_t k = 0; k < size; ++k)
        put(block, k, select(failed, Vec(__builtin_nan("")), at(block, k)));
    scatter(size, block, lane, l);
  }
}

void cholesky_reverse(int n, const double* const* adjoint_l, double* const* adjoint_a,
                      double* scratch, int lanes) {
  const int64_t size = packed(n, 0);
  for (int lane = 0; lane < lanes; lane += kVecSize) {
    const double* l = scratch + lane * 2 * size;
    double* bar = scratch + lane * 2 * size + size * kVecSize;
    gather(size, adjoint_l, lane, bar);
    for (int64_t i = n - 1; i >= 0; --i) {
      const double* l_i = l + packed(i, 0) * kVecSize;
      double* bar_i = bar + packed(i, 0) * kVecSize;
      for (int64_t j = i; j >= 0; --j) {
        const double* l_j = l + packed(j, 0) * kVecSize;
        double* bar_j = bar + packed(j, 0) * kVecSize;
        Vec g = at(bar_i, j) / at(l_j, j);
        if (i == j) {
          g = g * 0.5;
          put(bar_i, j, g);
          const Vec twice = g + g;
          for (int64_t k = 0; k < j; ++k) put(bar_i, k, fma(-twice, at(l_i, k), at(bar_i, k)));
          continue;
        }
        put(bar_i, j, g);
        put(bar_j, j, fma(-g, at(l_i, j), at(bar_j, j)));
        for (int64_t k = 0; k < j; ++k) {
          put(bar_i, k, fma(-g, at(l_j, k), at(bar_i, k)));
          put(bar_j, k, fma(-g, at(l_i, k), at(bar_j, k)));
        }
      }
    }
    scatter_add(size, bar, lane, adjoint_a);
  }
}

void triangular_solve_forward(int n, int m, bool transposed, const double* const* l,
                              const double* const* b, double* const* x, double* scratch,
                              int lanes) {
  const int64_t size = packed(n, 0);
  const int64_t columns = static_cast<int64_t>(n) * m;
  for (int lane = 0; lane < lanes; lane += kVecSize) {
    double* block = scratch + lane * (size + 2 * columns);
    double* right = block + size * kVecSize;
    gather(size, l, lane, block);
    gather(columns, b, lane, right);
    solve(n, m, transposed, block, right);
    scatter(columns, right, lane, x);
  }
}

void triangular_solve_reverse(int n, int m, bool transposed, const double* const* adjoint_x,
                              double* const* adjoint_l, double* const* adjoint_b, double* scratch,
                              int lanes) {
  const int64_t size = packed(n, 0);
  const int64_t columns = static_cast<int64_t>(n) * m;
  const bool need_l = any_row(size, adjoint_l);
  for (int lane = 0; lane < lanes; lane += kVecSize) {
    const double* block = scratch + lane * (size + 2 * columns);
    const double* x = block + size * kVecSize;
    double* bar = scratch + lane * (size + 2 * columns) + (size + columns) * kVecSize;
    gather(columns, adjoint_x, lane, bar);
    solve(n, m, !transposed, block, bar);
    scatter_add(columns, bar, lane, adjoint_b);
    if (!need_l) continue;
    // L X = B: dL = -tril(B' X'); L' X = B: dL = -tril(X B''), B' the adjoint of B.
    const double* left = transposed ? x : bar;
    const double* right = transposed ? bar : x;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j <= i; ++j) {
        double* row = adjoint_l[packed(i, j)];
        if (!row) continue;
        const Vec s = inner(m, left + i * m * kVecSize, 1, right + j * m * kVecSize, 1);
        store_unaligned(row + lane, load_unaligned(row + lane) - s);
      }
  }
}

void matrix_product_forward(int m, int k, int n, const double* const* a, const double* const* b,
                            double* const* c, double* scratch, int lanes) {
  const int64_t size_a = static_cast<int64_t>(m) * k;
  const int64_t size_b = static_cast<int64_t>(k) * n;
  const int64_t size_c = static_cast<int64_t>(m) * n;
  for (int lane = 0; lane < lanes; lane += kVecSize) {
    double* block_a = scratch + lane * (size_a + size_b + size_c);
    double* block_b = block_a + size_a * kVecSize;
    gather(size_a, a, lane, block_a);
    gather(size_b, b, lane, block_b);
    for (int64_t i = 0; i < m; ++i) {
      int64_t j = 0;
      for (; j + 4 <= n; j += 4) {
        Vec s0 = Vec(0.0), s1 = Vec(0.0), s2 = Vec(0.0), s3 = Vec(0.0);
        for (int64_t p = 0; p < k; ++p) {
          const Vec v = at(block_a, i * k + p);
          s0 = fma(v, at(block_b, p * n + j), s0);
          s1 = fma(v, at(block_b, p * n + j + 1), s1);
          s2 = fma(v, at(block_b, p * n + j + 2), s2);
          s3 = fma(v, at(block_b, p * n + j + 3), s3);
        }
        store_unaligned(c[i * n + j] + lane, s0);
        store_unaligned(c[i * n + j + 1] + lane, s1);
        store_unaligned(c[i * n + j + 2] + lane, s2);
        store_unaligned(c[i * n + j + 3] + lane, s3);
      }
      for (; j < n; ++j)
        store_unaligned(c[i * n + j] + lane,
                        inner(k, block_a + i * k * kVecSize, 1, block_b + j * kVecSize, n));
    }
  }
}

void matrix_product_reverse(int m, int k, int n, const double* const* adjoint_c,
                            double* const* adjoint_a, double* const* adjoint_b, double* scratch,
                            int lanes) {
  const int64_t size_a = static_cast<int64_t>(m) * k;
  const int64_t size_b = static_cast<int64_t>(k) * n;
  const int64_t size_c = static_cast<int64_t>(m) * n;
  for (int lane = 0; lane < lanes; lane += kVecSize) {
    const double* a = scratch + lane * (size_a + size_b + size_c);
    const double* b = a + size_a * kVecSize;
    double* bar = scratch + lane * (size_a + size_b + size_c) + (size_a + size_b) * kVecSize;
    gather(size_c, adjoint_c, lane, bar);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t p = 0; p < k; ++p) {
        double* row = adjoint_a[i * k + p];
        if (!row) continue;
        const Vec s = inner(n, bar + i * n * kVecSize, 1, b + p * n * kVecSize, 1);
        store_unaligned(row + lane, load_unaligned(row + lane) + s);
      }
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j < n; ++j) {
        double* row = adjoint_b[p * n + j];
        if (!row) continue;
        const Vec s = inner(m, a + p * kVecSize, k, bar + j * kVecSize, n);
        store_unaligned(row + lane, load_unaligned(row + lane) + s);
      }
  }
}

void panel_product(int64_t rows, int64_t cols, const double* panels, const double* const* x,
                   double* const* y, bool accumulate, double* spare, int lanes) {
  // A block of x (kDepth rows of lanes) stays in the L2 cache while all panels pass over it.
  constexpr int64_t kDepth = 256;
  if (cols == 0 && !accumulate)
    for (int64_t r = 0; r < rows; ++r)
      for (int lane = 0; lane < lanes && y[r]; ++lane) y[r][lane] = 0;
  for (int64_t begin = 0; begin < cols; begin += kDepth) {
    const int64_t end = begin + kDepth < cols ? begin + kDepth : cols;
    for (int64_t first = 0; first < rows; first += kKernelRows) {
      const double* panel = panels + first / kPanelRows * kPanelRows * cols + first % kPanelRows;
      double* target[kKernelRows];
      bool wanted = false;
      for (int64_t r = 0; r < kKernelRows; ++r) {
        target[r] = first + r < rows && y[first + r] ? y[first + r] : spare;
        wanted = wanted || target[r] != spare;
      }
      if (!wanted) continue;
      const bool add = accumulate || begin > 0;
      int lane = 0;
      for (; lane + kKernelColumns * kVecSize <= lanes; lane += kKernelColumns * kVecSize)
        panel_kernel<kKernelColumns>(panel, begin, end, x, lane, target, add);
      for (; lane < lanes; lane += kVecSize)
        panel_kernel<1>(panel, begin, end, x, lane, target, add);
    }
  }
}

void sparse_product(int64_t rows, int64_t blocks, const uint32_t* starts, const uint32_t* columns,
                    const double* values, const double* const* x, double* const* y, bool accumulate,
                    int lanes) {
  // Lanes outside: the rows of one block of x stay in the L1 cache.
  int lane = 0;
  const auto run = [&](auto width) {
    constexpr int kColumns = decltype(width)::value;
    for (int64_t b = 0; b < blocks; ++b) {
      const uint32_t* start = starts + b * rows;
      const bool add = accumulate || b > 0;
      for (int64_t r = 0; r < rows; ++r) {
        if (!y[r]) continue;
        sparse_kernel<kColumns>(start[r + 1] - start[r], columns + start[r], values + start[r], x,
                                lane, y[r], add);
      }
    }
    lane += kColumns * kVecSize;
  };
  while (lane + 2 * kVecSize <= lanes) run(Width<2>{});
  while (lane < lanes) run(Width<1>{});
}

}  // namespace vinci::numeric::VINCI_TARGET
