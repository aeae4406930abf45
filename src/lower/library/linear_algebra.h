// Matrices of scalars, shared by the files of linear algebra.
#pragma once

#include <string>
#include <vector>

#include "graph/arrays/arrays.h"
#include "lower/library.h"

namespace vinci::lower {

/// A dense matrix of scalars, row-major.
struct ScalarMatrix {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<Scalar> x;

  Scalar& at(int64_t i, int64_t j) { return x[static_cast<size_t>(i * cols + j)]; }
  Scalar at(int64_t i, int64_t j) const { return x[static_cast<size_t>(i * cols + j)]; }
  bool is_constant() const {
    for (const Scalar& s : x)
      if (!s.is_constant()) return false;
    return true;
  }
};

/// A matrix as it is, a vector as a column, a row vector as a row.
ScalarMatrix to_matrix(const Value& v);
/// The value of a matrix with the type of `like`: vector, row_vector or matrix.
Value from_matrix(const ScalarMatrix& m, BaseType base = BaseType::kMatrix);
ScalarMatrix zeros(int64_t rows, int64_t cols);
ScalarMatrix transposed(const ScalarMatrix& m);

/// A B.
ScalarMatrix multiply(const Call& call, const ScalarMatrix& a, const ScalarMatrix& b);
/// L with L L' = A, from the lower triangle of A.
ScalarMatrix cholesky(const Call& call, const ScalarMatrix& a);
/// L^{-1} B or L'^{-1} B; only the lower triangle of L is read.
ScalarMatrix solve_lower(const Call& call, const ScalarMatrix& l, const ScalarMatrix& b,
                         bool is_transposed);

/// `m` as a square matrix, or a diagnostic that names the argument of the function.
void require_square(const Call& call, const ScalarMatrix& m);

void add_covariance_functions(LibraryTable& table);     // gp_*_cov
void add_decomposition_functions(LibraryTable& table);  // eigen, svd, qr, exp, ...

}  // namespace vinci::lower
