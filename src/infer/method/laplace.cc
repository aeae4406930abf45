#include "infer/method/laplace.h"

#include <algorithm>
#include <cmath>

#include "infer/dense.h"

namespace vinci::infer {

std::optional<FullRankNormal> laplace(Objective& objective, const std::vector<double>& mode) {
  const Index dim = objective.dim();
  const Vector x = map_vector(mode);
  Matrix hessian(dim, dim);
  constexpr Index kBlock = 32;
  for (Index first = 0; first < dim; first += kBlock) {
    const Index width = std::min(kBlock, dim - first);
    Matrix z = x.replicate(1, 2 * width), g(dim, 2 * width);
    Vector values(2 * width), h(width);
    for (Index c = 0; c < width; ++c) {
      // eps^{1/3} balances the error of the difference against rounding.
      h[c] = 6e-6 * std::max(1.0, std::abs(x[first + c]));
      z(first + c, c) += h[c];
      z(first + c, width + c) -= h[c];
    }
    objective.evaluate(lanes_of(z), span_of(values), mutable_lanes(g));
    if (!values.allFinite()) return std::nullopt;
    for (Index c = 0; c < width; ++c) {
      hessian.col(first + c) = (g.col(width + c) - g.col(c)) / (2 * h[c]);
    }
  }
  const Matrix symmetric = 0.5 * (hessian + hessian.transpose());
  const Eigen::LLT<Matrix> precision(symmetric);
  if (!symmetric.allFinite() || precision.info() != Eigen::Success) return std::nullopt;
  const Matrix covariance = precision.solve(Matrix::Identity(dim, dim));
  const Eigen::LLT<Matrix> llt(Matrix(0.5 * (covariance + covariance.transpose())));
  if (llt.info() != Eigen::Success) return std::nullopt;
  return FullRankNormal(mode, to_std(Matrix(llt.matrixL())));
}

}  // namespace vinci::infer
