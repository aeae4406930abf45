#include "infer/family/full_rank_normal.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {

FullRankNormal::FullRankNormal(Index dim, double scale)
    : mean_(static_cast<size_t>(dim), 0.0), factor_(static_cast<size_t>(dim * dim), 0.0) {
  for (Index i = 0; i < dim; ++i) factor_[static_cast<size_t>(i * dim + i)] = scale;
}

FullRankNormal::FullRankNormal(std::vector<double> mean, std::vector<double> factor)
    : mean_(std::move(mean)), factor_(std::move(factor)) {
  const Index n = dim();
  VINCI_CHECK(factor_.size() == mean_.size() * mean_.size());
  for (Index i = 0; i < n; ++i) {
    for (Index j = i + 1; j < n; ++j) factor_[static_cast<size_t>(i * n + j)] = 0;
  }
}

void FullRankNormal::reparameterise(LaneMatrix noise, MutableLaneMatrix points) const {
  StridedMap z = map_lanes(points);
  z.noalias() = map_square(factor_, dim()).triangularView<Eigen::Lower>() * map_lanes(noise);
  z.colwise() += map_vector(mean_);
}

void FullRankNormal::whiten(LaneMatrix points, MutableLaneMatrix noise) const {
  StridedMap u = map_lanes(noise);
  u = map_lanes(points).colwise() - map_vector(mean_);
  map_square(factor_, dim()).triangularView<Eigen::Lower>().solveInPlace(u);
}

double FullRankNormal::log_normaliser() const {
  const Index n = dim();
  double log_det = 0;
  for (Index i = 0; i < n; ++i) log_det += std::log(factor_[static_cast<size_t>(i * n + i)]);
  return -log_det - 0.5 * static_cast<double>(n) * std::log(2 * std::numbers::pi);
}

void FullRankNormal::log_q(LaneMatrix points, std::span<double> log_q) const {
  Matrix noise(points.rows, points.lanes);
  whiten(points, mutable_lanes(noise));
  const double constant = log_normaliser();
  for (Index l = 0; l < points.lanes; ++l) {
    log_q[static_cast<size_t>(l)] = constant - 0.5 * noise.col(l).squaredNorm();
  }
}

double FullRankNormal::marginal_sd(Index i) const {
  return map_square(factor_, dim()).row(i).head(i + 1).norm();
}

}  // namespace vinci::infer
