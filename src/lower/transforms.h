// Constraint transforms: from unconstrained coordinates to a declared type, in Stan's
// parameterisation (so that an unconstrained point means the same in both), with the logarithm of
// |det Jacobian|; and their inverses.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lower/bound_type.h"

namespace vinci::lower {

/// Number of unconstrained coordinates of a value of type `type` (not a tuple with bad sizes; see
/// `check_sizes`).
int64_t unconstrained_size(const BoundType& type);

/// What is wrong with the sizes of a parameter's type (a simplex without elements, a
/// cholesky_factor_cov with more columns than rows); empty if nothing is.
std::string check_sizes(const BoundType& type);

/// The value at `unconstrained` (as many as `unconstrained_size`). Adds log |d constrained / d
/// unconstrained| to `jacobian` as addends, unless it is null. Coordinates are consumed in Stan's
/// order: array elements in row-major order, each container's block in turn, matrices without
/// structure column-major.
///
/// The transforms (y unconstrained, x constrained), Stan reference manual, chapter "Constraint
/// transforms":
///   lower          x = L + e^y                                              upper  x = U - e^y
///   lower, upper   x = L + (U - L) inv_logit(y)                             offset, multiplier  x
///   = o + m y ordered        x_1 = y_1, x_k = x_{k-1} + e^{y_k}; positive_ordered also x_1 =
///   e^{y_1} simplex        stick breaking, z_k = inv_logit(y_k - log(K - k)) unit_vector    x = y
///   / |y|, with -|y|^2 / 2 in place of the Jacobian (y has an iid normal density)
///   cholesky_factor_corr, corr_matrix   canonical partial correlations tanh(y), of which rows
///   (columns) make a sphere
///                  [Lewandowski, Kurowicka, Joe 2009, doi 10.1016/j.jmva.2009.04.008]
///   cholesky_factor_cov, cov_matrix     logarithms of the Cholesky factor's diagonal
///   sum_to_zero    isometric log-ratio basis, determinant 1 [Egozcue et al. 2003,
///   doi 10.1023/A:1023818214614] stochastic     a simplex for every column or row
/// A bound that is infinite takes the transform without that bound. Cost O(size); matrices O(K^3).
/// Ints consume no coordinates: each is a new discrete variable of the graph. Throws TraceError
/// where its upper bound is below its lower bound, and beyond 2^24 of them.
Value constrain(graph::Graph& graph, const BoundType& type, std::span<const Scalar> unconstrained,
                source::Span span, const std::string& name, std::vector<Scalar>* jacobian);

/// Bounds of one unconstrained coordinate of a type whose constraint is element by element, in the
/// order of the coordinates: -inf and inf where there is none, NaN where it depends on parameters.
struct CoordinateBounds {
  double low, high;
};
CoordinateBounds coordinate_bounds(const BoundType& type, int64_t coordinate);

/// The inverse: unconstrained coordinates of `value`, whose elements and bounds are constants,
/// appended to `unconstrained`. Returns what is wrong where the value lies outside of the
/// constraint (or on its boundary), else an empty string.
std::string unconstrain(const BoundType& type, const Value& value,
                        std::vector<double>& unconstrained);

}  // namespace vinci::lower
