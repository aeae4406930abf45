#include "infer/tail_probe.h"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <vector>

#include "infer/dense.h"

namespace vinci::infer {
namespace {

constexpr double kNear = 1e4, kFar = 1e6;
constexpr double kLeastFall = 1;  // nats between the two
// Tails this many nats below the centre hold nothing that anybody will meet, and their differences
// drown in rounding.
constexpr double kNegligible = 100;
constexpr Index kMaxAxesDim = 100;

}  // namespace

TailProbe probe_tails(Objective& objective, std::span<const double> points) {
  const Index dim = objective.dim();
  const Index count = dim > 0 ? std::ssize(points) / dim : 0;
  if (count < 2) return {};
  const Eigen::Map<const Matrix> draws(points.data(), count, dim);
  const Vector mean = draws.colwise().mean();
  const Matrix centred = draws.rowwise() - mean.transpose();
  const double n = static_cast<double>(count - 1);
  Matrix directions = Matrix::Zero(dim, dim);
  directions.diagonal() = (centred.colwise().squaredNorm().transpose() / n).cwiseSqrt();
  if (dim > 1 && dim <= kMaxAxesDim) {
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(Matrix(centred.transpose() * centred / n));
    if (eigen.info() == Eigen::Success) {
      directions.conservativeResize(dim, 2 * dim);
      directions.rightCols(dim) =
          eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal();
    }
  }
  Matrix z(dim, 5);
  std::vector<double> value(5);
  for (Index d = 0; d < directions.cols(); ++d) {
    if (objective.context().cancelled()) return {};
    const Vector step = directions.col(d);
    z.col(0) = mean + kNear * step;
    z.col(1) = mean + kFar * step;
    z.col(2) = mean - kNear * step;
    z.col(3) = mean - kFar * step;
    z.col(4) = mean;
    if (!z.allFinite()) continue;
    objective.evaluate(lanes_of(z), value);
    for (size_t side = 0; side < 4; side += 2) {
      const double fall = value[side] - value[side + 1] - std::log(kFar / kNear);
      const bool matters = value[side] > value[4] - kNegligible;
      if (matters && std::isfinite(value[side + 1]) && fall < kLeastFall) {
        return {true, d < dim ? d : -1};
      }
    }
  }
  return {};
}

}  // namespace vinci::infer
