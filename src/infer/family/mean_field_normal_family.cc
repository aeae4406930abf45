#include "infer/family/mean_field_normal_family.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <numbers>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {
namespace {

/// The two halves of lambda.
struct Params {
  Eigen::Map<const Vector> mean, log_sd;
  Params(std::span<const double> lambda, Index dim)
      : mean(lambda.data(), dim), log_sd(lambda.data() + dim, dim) {
    VINCI_DCHECK(static_cast<Index>(lambda.size()) == 2 * dim);
  }
  Vector sd() const { return log_sd.array().exp(); }
};

}  // namespace

std::vector<double> MeanFieldNormalFamily::params_of(const MeanFieldNormal& q) {
  std::vector<double> lambda = q.mean();
  for (const double s : q.sd()) lambda.push_back(std::log(s));
  return lambda;
}

std::string MeanFieldNormalFamily::param_name(Index p) const {
  return p < dim_ ? fmt::format("mean[{}]", p + 1) : fmt::format("log_sd[{}]", p - dim_ + 1);
}

FamilyPtr MeanFieldNormalFamily::at(std::span<const double> lambda) const {
  const Params q(lambda, dim_);
  return std::make_shared<MeanFieldNormal>(to_std(Vector(q.mean)), to_std(q.sd()));
}

void MeanFieldNormalFamily::score(std::span<const double> lambda, LaneMatrix points,
                                  MutableLaneMatrix score) const {
  const Params q(lambda, dim_);
  const Vector inverse_sd = (-q.log_sd).array().exp();
  StridedMap s = map_lanes(score);
  auto of_mean = s.topRows(dim_);
  auto of_log_sd = s.bottomRows(dim_);
  of_mean = (map_lanes(points).colwise() - q.mean).array().colwise() * inverse_sd.array();
  of_log_sd = of_mean.array().square() - 1;
  of_mean.array().colwise() *= inverse_sd.array();
}

void MeanFieldNormalFamily::log_q_gradient(std::span<const double> lambda, LaneMatrix points,
                                           MutableLaneMatrix gradient) const {
  const Params q(lambda, dim_);
  const Vector precision = (-2 * q.log_sd).array().exp();
  map_lanes(gradient) =
      (map_lanes(points).colwise() - q.mean).array().colwise() * -precision.array();
}

bool MeanFieldNormalFamily::entropy_gradient(std::span<const double>,
                                             std::span<double> gradient) const {
  Eigen::Map<Vector> g(gradient.data(), 2 * dim_);
  g.head(dim_).setZero();
  g.tail(dim_).setOnes();
  return true;
}

ParametricFamily::TapePtr MeanFieldNormalFamily::transform(std::span<const double> lambda,
                                                           LaneMatrix noise,
                                                           MutableLaneMatrix points,
                                                           std::span<double> log_q) const {
  const Params q(lambda, dim_);
  const ConstStridedMap u = map_lanes(noise);
  StridedMap z = map_lanes(points);
  z = u.array().colwise() * q.sd().array();
  z.colwise() += q.mean;
  const double constant =
      -q.log_sd.sum() - 0.5 * static_cast<double>(dim_) * std::log(2 * std::numbers::pi);
  for (Index l = 0; l < points.lanes; ++l) {
    log_q[static_cast<size_t>(l)] = constant - 0.5 * u.col(l).squaredNorm();
  }
  return nullptr;
}

void MeanFieldNormalFamily::pathwise(std::span<const double> lambda, LaneMatrix noise, LaneMatrix,
                                     const Tape*, LaneMatrix adjoint,
                                     MutableLaneMatrix gradient) const {
  const Params q(lambda, dim_);
  StridedMap g = map_lanes(gradient);
  const ConstStridedMap a = map_lanes(adjoint);
  g.topRows(dim_) = a;
  g.bottomRows(dim_) = (a.array() * map_lanes(noise).array()).colwise() * q.log_sd.array().exp();
}

void MeanFieldNormalFamily::pathwise_sum(std::span<const double> lambda, LaneMatrix noise,
                                         LaneMatrix, const Tape*, LaneMatrix adjoint,
                                         std::span<double> gradient) const {
  const Params q(lambda, dim_);
  Eigen::Map<Vector> g(gradient.data(), 2 * dim_);
  const ConstStridedMap a = map_lanes(adjoint);
  g.head(dim_) = a.rowwise().sum();
  g.tail(dim_) = (a.array() * map_lanes(noise).array()).rowwise().sum() * q.log_sd.array().exp();
}

}  // namespace vinci::infer
