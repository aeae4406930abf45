#include "infer/tail_probe.h"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <numeric>
#include <utility>
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
  // Both ways along each direction, as far as the density goes on mattering: where it is negligible
  // already, models that are costly or ill-defined far out are spared the rest of the way.
  Matrix rays(dim, 2 * directions.cols());
  rays << directions, -directions;
  std::vector<Index> left(static_cast<size_t>(rays.cols()));
  std::iota(left.begin(), left.end(), Index{0});
  double centre = 0;
  Matrix middle = mean;
  objective.evaluate(lanes_of(middle), {&centre, 1});
  std::vector<double> before(left.size(), 0.0);
  for (const double radius : {30.0, 1e3, kNear, kFar}) {
    if (left.empty() || objective.context().cancelled()) return {};
    Matrix z = radius * rays(Eigen::all, left);
    z.colwise() += mean;
    std::vector<double> value(left.size());
    objective.evaluate(lanes_of(z), value);
    std::vector<Index> next;
    for (size_t k = 0; k < left.size(); ++k) {
      if (!(value[k] > centre - kNegligible)) continue;
      const auto ray = static_cast<size_t>(left[k]);
      if (radius == kFar && before[ray] - value[k] - std::log(kFar / kNear) < kLeastFall) {
        const Index axis = left[k] % directions.cols();
        return {true, axis < dim ? axis : -1};
      }
      before[ray] = value[k];
      next.push_back(left[k]);
    }
    left = std::move(next);
  }
  return {};
}

}  // namespace vinci::infer
