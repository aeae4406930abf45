// The array functions of linear algebra, for Graph::call. Matrices are row-major; "lower triangle"
// is packed by rows, element (i, j), j <= i, at i (i + 1) / 2 + j, and stands for the symmetric
// matrix: its adjoints off the diagonal count both places. Functions made with equal arguments are
// equal, so equal calls merge. A failure gives NaN in all outputs of its lane.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace vinci::graph {

using ArrayFunctionPtr = std::shared_ptr<const ArrayFunction>;

/// M x of a constant matrix [rows, cols]: cols inputs, rows outputs. Keeps two copies of M in the
/// order of its kernels. rows cols / 4 or so cycles per 8 lanes.
ArrayFunctionPtr data_matrix_product(const std::vector<double>& matrix, int64_t rows, int64_t cols);

/// C [m, n] = A [m, k] B [k, n]: inputs A then B.
ArrayFunctionPtr matrix_product(int m, int k, int n);

/// Lower triangle of A to packed L with L L' = A; O(n^3 / 3). Fails where A is not positive
/// definite.
ArrayFunctionPtr cholesky_decompose(int n);

/// X [n, m] with L X = B, or L' X = B if transposed: inputs packed L, then B.
ArrayFunctionPtr triangular_solve(int n, int m, bool transposed);

/// Lower triangle of a symmetric matrix to its eigenvalues, ascending, then the eigenvectors V [n,
/// n] (columns). The gradient of V needs distinct eigenvalues. O(n^3) by lane.
ArrayFunctionPtr symmetric_eigen(int n);

/// A^{-1} [n, n]. Fails where A is singular.
ArrayFunctionPtr matrix_inverse(int n);

/// X [n, m] with A X = B: inputs A [n, n], then B.
ArrayFunctionPtr lu_solve(int n, int m);

/// log |det A|; -inf where A is singular.
ArrayFunctionPtr log_abs_determinant(int n);
/// det A; its gradient needs a regular A.
ArrayFunctionPtr determinant(int n);

/// e^A [n, n].  [the adjoint: Al-Mohy and Higham 2009, doi 10.1137/080716426, eq. (1.2) and
/// theorem 2.1]
ArrayFunctionPtr matrix_exponential(int n);

/// Thin singular value decomposition A [m, n] = U diag(s) V', k = min(m, n): outputs s descending,
/// U [m, k], V [n, k]. The gradients of U and V need distinct positive singular values.  [Townsend
/// 2016, "Differentiating the singular value decomposition"]
ArrayFunctionPtr svd(int m, int n);

/// Thin QR decomposition A [m, n] = Q R, m >= n, diagonal of R positive: outputs Q [m, n], R [n,
/// n]. [Walter and Lehmann 2013, doi 10.1080/10556788.2012.693927]
ArrayFunctionPtr qr_thin(int m, int n);

/// A function of a few numbers without a kernel, lane by lane. `partials` writes d value / d x_k
/// for all k, given x and the value. `name` identifies it: equal names have to mean equal
/// functions.
using ScalarValue = double (*)(const double* x);
using ScalarPartials = void (*)(const double* x, double value, double* partial);
ArrayFunctionPtr scalar_function(const std::string& name, int arity, ScalarValue value,
                                 ScalarPartials partials);

}  // namespace vinci::graph
