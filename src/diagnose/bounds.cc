#include "diagnose/bounds.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace vinci::diagnose {
namespace {

constexpr double kMaxKhat = 0.7;
constexpr double kFiniteKhat = 0.5;
constexpr double kUselessD2 = 4.6;
constexpr double kTightD2 = 0.1;

/// Second and fourth moments of distances from the centre, and what D2 makes of them.
struct Distances {
  double second = 0;
  double fourth = 0;
  double w1(double d2) const { return std::sqrt(second) * std::sqrt(std::expm1(d2)); }
  double w2(double d2) const {
    return std::sqrt(2.0) * std::pow(fourth, 0.25) * std::pow(std::expm1(d2), 0.25);
  }
};

}  // namespace

RenyiBound renyi_bound(const Psis& psis, const Estimate& elbo) {
  RenyiBound bound;
  if (psis.weights.empty() || !(psis.khat <= kMaxKhat) || !std::isfinite(elbo.value)) return bound;
  const auto n = static_cast<double>(psis.weights.size());
  double squares = 0, fourths = 0;
  for (const double w : psis.weights) {
    squares += w * w;
    fourths += w * w * w * w;
  }
  bound.cubo2 = psis.log_mean_ratio + 0.5 * std::log(n * squares);
  bound.d2 = std::max(0.0, 2 * (bound.cubo2 - elbo.value));
  // Relative error of mean w^2, that is the error of 2 cubo2; the ELBO's adds to it.
  const double relative = std::sqrt(std::max(0.0, n * fourths / (squares * squares) - 1) / n);
  bound.d2_error = std::hypot(relative, 2 * elbo.error);
  bound.optimistic = psis.khat > kFiniteKhat;
  bound.use = bound.d2 > kUselessD2 ? BoundUse::kUseless
              : bound.d2 > kTightD2 ? BoundUse::kReweight
                                    : BoundUse::kTight;
  return bound;
}

MomentBounds moment_bounds(double d2, std::span<const double> values) {
  MomentBounds bounds;
  if (values.empty()) return bounds;
  const auto n = static_cast<double>(values.size());
  double mean = 0;
  for (const double v : values) mean += v / n;
  Distances distances;
  for (const double v : values) {
    const double square = (v - mean) * (v - mean);
    distances.second += square / n;
    distances.fourth += square * square / n;
  }
  bounds.w1 = distances.w1(d2);
  bounds.w2 = distances.w2(d2);
  bounds.mean_error = std::min(bounds.w1, bounds.w2);
  bounds.sd_error = bounds.w2;
  bounds.variance_error = 2 * std::sqrt(distances.second) * bounds.w2 + bounds.w2 * bounds.w2;
  return bounds;
}

JointBounds joint_bounds(double d2, std::span<const double> draws, std::ptrdiff_t dim) {
  JointBounds bounds;
  if (dim <= 0 || draws.empty()) return bounds;
  const auto width = static_cast<size_t>(dim);
  const size_t count = draws.size() / width;
  const auto n = static_cast<double>(count);
  std::vector<double> mean(width, 0.0);
  for (size_t s = 0; s < count; ++s) {
    for (size_t d = 0; d < width; ++d) mean[d] += draws[s * width + d] / n;
  }
  Distances distances;
  for (size_t s = 0; s < count; ++s) {
    double square = 0;
    for (size_t d = 0; d < width; ++d) {
      const double x = draws[s * width + d] - mean[d];
      square += x * x;
    }
    distances.second += square / n;
    distances.fourth += square * square / n;
  }
  bounds.w1 = distances.w1(d2);
  bounds.w2 = distances.w2(d2);
  bounds.covariance_error = 2 * (std::sqrt(distances.second) * bounds.w2 + bounds.w2 * bounds.w2);
  return bounds;
}

}  // namespace vinci::diagnose
