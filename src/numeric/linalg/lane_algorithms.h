// Linear algebra on lanes: every matrix element is a row of `lanes` doubles, and each algorithm
// runs for eight lanes at a time. Rows are given by pointers; lanes is a multiple of 8. Lower
// triangular matrices are packed by rows: element (i, j), j <= i, is number i (i + 1) / 2 + j.
// Lanes are independent; none of these functions fails or allocates.
//
// `scratch` holds scratch doubles per lane as each function states; where a `_reverse` follows its
// forward function it is the same memory, unchanged in between.
//
// adjoint_x[k] += ... in all reverse functions; a null adjoint row is one that nobody needs.
#pragma once

#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::numeric {

/// A constant matrix [rows, cols] in panels of kPanelRows rows, each stored column by column and
/// padded with zeros: the order in which `panel_product` reads it.
constexpr int kPanelRows = 8;

VINCI_SIMD_DECLARE(
    /// L L' = A of the lower triangle a; scratch n (n + 1). A lane that is not positive definite
    /// gets NaN in all outputs. O(n^3 / 3).
    void cholesky_forward(int n, const double* const* a, double* const* l, double* scratch,
                          int lanes);
    /// O(2 n^3 / 3).  [Murray 2016, arXiv 1602.07527, section 4, after Smith 1995]
    void cholesky_reverse(int n, const double* const* adjoint_l, double* const* adjoint_a,
                          double* scratch, int lanes);

    /// X [n, m] with L X = B, or L' X = B if transposed; L packed, B and X row-major; scratch n (n
    /// + 1) / 2 + 2 n m.
    void triangular_solve_forward(int n, int m, bool transposed, const double* const* l,
                                  const double* const* b, double* const* x, double* scratch,
                                  int lanes);
    void triangular_solve_reverse(int n, int m, bool transposed, const double* const* adjoint_x,
                                  double* const* adjoint_l, double* const* adjoint_b,
                                  double* scratch, int lanes);

    /// C [m, n] = A [m, k] B [k, n], all row-major; scratch m k + k n + m n.
    void matrix_product_forward(int m, int k, int n, const double* const* a, const double* const* b,
                                double* const* c, double* scratch, int lanes);
    void matrix_product_reverse(int m, int k, int n, const double* const* adjoint_c,
                                double* const* adjoint_a, double* const* adjoint_b, double* scratch,
                                int lanes);

    /// y [rows] = P x [cols], or += where accumulate, with P in panels. Null rows of y are skipped;
    /// `spare`: one row of lanes doubles.
    void panel_product(int64_t rows, int64_t cols, const double* panels, const double* const* x,
                       double* const* y, bool accumulate, double* spare, int lanes);

    /// y [rows] = P x, or += where accumulate, with the nonzero elements of P by blocks of columns
    /// (SparseBlocks): those of row r in block b are numbers starts[b rows + r] up to the next
    /// start. Null rows of y are skipped.
    void sparse_product(int64_t rows, int64_t blocks, const uint32_t* starts,
                        const uint32_t* columns, const double* values, const double* const* x,
                        double* const* y, bool accumulate, int lanes);)

/// Doubles that the panels of a [rows, cols] matrix take.
inline int64_t panel_size(int64_t rows, int64_t cols) {
  return (rows + kPanelRows - 1) / kPanelRows * kPanelRows * cols;
}

}  // namespace vinci::numeric
