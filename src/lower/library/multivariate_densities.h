// Parts of the table of multivariate densities that have files of their own, and the linear algebra
// that they share.
#pragma once

#include "lower/library/density_framework.h"

namespace vinci::lower {

void add_multi_normal_densities(LibraryTable& table);
void add_matrix_densities(LibraryTable& table);
void add_hidden_markov_models(LibraryTable& table);
void add_state_space_densities(LibraryTable& table);
void add_glm_densities(LibraryTable& table);

/// A square matrix of scalars, row-major.
struct SquareMatrix {
  size_t n = 0;
  std::vector<Scalar> elements;

  Scalar& at(size_t i, size_t j) { return elements[i * n + j]; }
  const Scalar& at(size_t i, size_t j) const { return elements[i * n + j]; }
};

/// A matrix argument that has to be square; a diagnostic if it is not.
SquareMatrix square_argument(const Call& call, const Value& value, const char* what);

/// L, lower triangular (upper part 0), with L L' = a. Density zero unless `a` is symmetric to 1e-8
/// and positive definite. n^3/6 multiplications. `what` names the matrix: "covariance".
SquareMatrix cholesky(Density& d, const SquareMatrix& a, const char* what);

/// Density zero unless the diagonal is positive; for a factor that the program gives.
void require_cholesky_factor(Density& d, const SquareMatrix& l, const char* what);

/// L^{-1} b.
std::vector<Scalar> solve_lower(graph::Graph& graph, const SquareMatrix& l,
                                std::span<const Scalar> b);
/// L^{-1} of each column, one after the other.
std::vector<Scalar> solve_lower_columns(graph::Graph& graph, const SquareMatrix& l,
                                        const std::vector<std::vector<Scalar>>& columns);

/// sum_i log L_ii.
Expr log_diagonal(Density& d, const SquareMatrix& l);

/// log of the multivariate gamma function: k (k - 1)/4 log pi + sum_{j<k} lgamma(a - j/2).
Expr log_multivariate_gamma(size_t k, Expr a);

}  // namespace vinci::lower
