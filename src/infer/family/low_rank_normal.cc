#include "infer/family/low_rank_normal.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {
namespace {

Eigen::Map<const Matrix> map_basis(const std::vector<double>& basis, Index dim, Index rank) {
  return {basis.data(), dim, rank};
}

}  // namespace

LowRankNormal::LowRankNormal(std::vector<double> mean, std::vector<double> diagonal,
                             std::vector<double> basis, std::vector<double> core)
    : rank_(mean.empty() ? 0 : static_cast<Index>(basis.size() / mean.size())),
      mean_(std::move(mean)),
      diagonal_(std::move(diagonal)),
      basis_(std::move(basis)),
      core_(std::move(core)) {
  VINCI_CHECK(diagonal_.size() == mean_.size());
  VINCI_CHECK(core_.size() == static_cast<size_t>(rank_ * rank_));
}

std::string LowRankNormal::describe() const {
  return fmt::format("normal with diagonal plus rank {} covariance", rank_);
}

double LowRankNormal::log_normaliser() const {
  double log_det = 0;
  for (const double a : diagonal_) log_det += 0.5 * std::log(a);
  for (Index i = 0; i < rank_; ++i) log_det += std::log(core_[static_cast<size_t>(i * rank_ + i)]);
  return -log_det - 0.5 * static_cast<double>(dim()) * std::log(2 * std::numbers::pi);
}

void LowRankNormal::reparameterise(LaneMatrix noise, MutableLaneMatrix points) const {
  const auto q = map_basis(basis_, dim(), rank_);
  const ConstStridedMap u = map_lanes(noise);
  StridedMap z = map_lanes(points);
  z = u;
  if (rank_ > 0) {  // Eigen's triangular products do not take empty operands
    const Matrix projected = q.transpose() * u;
    const Matrix moved = map_square(core_, rank_).triangularView<Eigen::Lower>() * projected;
    z.noalias() += q * (moved - projected);
  }
  z.array().colwise() *= map_vector(diagonal_).array().sqrt();
  z.colwise() += map_vector(mean_);
}

void LowRankNormal::log_q(LaneMatrix points, std::span<double> log_q) const {
  const auto q = map_basis(basis_, dim(), rank_);
  Matrix v = map_lanes(points).colwise() - map_vector(mean_);
  v.array().colwise() /= map_vector(diagonal_).array().sqrt();
  if (rank_ > 0) {
    const Matrix projected = q.transpose() * v;
    const Matrix moved = map_square(core_, rank_).triangularView<Eigen::Lower>().solve(projected);
    v.noalias() += q * (moved - projected);
  }
  const double constant = log_normaliser();
  for (Index l = 0; l < points.lanes; ++l) {
    log_q[static_cast<size_t>(l)] = constant - 0.5 * v.col(l).squaredNorm();
  }
}

std::vector<double> LowRankNormal::marginal_sds() const {
  if (rank_ == 0) return to_std(Vector(map_vector(diagonal_).array().sqrt()));
  const auto q = map_basis(basis_, dim(), rank_);
  const Matrix ql = q * map_square(core_, rank_).triangularView<Eigen::Lower>();
  const Vector variance = map_vector(diagonal_).array() * (1 - q.rowwise().squaredNorm().array() +
                                                           ql.rowwise().squaredNorm().array());
  return to_std(Vector(variance.array().sqrt()));
}

FullRankNormal LowRankNormal::to_full_rank() const {
  const Vector root = map_vector(diagonal_).array().sqrt();
  Matrix covariance = Matrix::Identity(dim(), dim());
  if (rank_ > 0) {
    const auto q = map_basis(basis_, dim(), rank_);
    const Matrix ql = q * map_square(core_, rank_).triangularView<Eigen::Lower>();
    covariance.noalias() += ql * ql.transpose() - q * q.transpose();
  }
  // The factor of the scaled matrix, scaled afterwards: A may span many magnitudes, the core does
  // not.
  const Eigen::LLT<Matrix> llt(covariance);
  Matrix factor = llt.matrixL();
  if (llt.info() != Eigen::Success) factor = Matrix::Identity(dim(), dim());
  factor.array().colwise() *= root.array();
  return {mean_, to_std(factor)};
}

}  // namespace vinci::infer
