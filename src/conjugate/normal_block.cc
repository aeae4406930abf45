#include "conjugate/normal_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "numeric/special/special.h"

namespace vinci::conjugate {

namespace {
constexpr double kLogTwoPi = 1.8378770664093454836;
}

NormalBlock::NormalBlock(std::vector<int32_t> leaves, std::vector<double> shifts,
                         std::vector<std::pair<int32_t, int32_t>> pairs)
    : shifts_(std::move(shifts)),
      pairs_(std::move(pairs)),
      cholesky_(static_cast<int64_t>(leaves.size()), pairs_) {
  VINCI_CHECK(std::is_sorted(pairs_.begin(), pairs_.end()));
  leaves_ = std::move(leaves);
  precision_.resize(pairs_.size());
  covariance_.resize(pairs_.size());
  mean_.resize(shifts_.size());
}

void NormalBlock::set_scale(int32_t leaf, double power) {
  leaves_.push_back(leaf);
  power_ = power;
}

int64_t NormalBlock::slot_of_pair(int32_t i, int32_t j) const {
  const std::pair<int32_t, int32_t> pair{std::max(i, j), std::min(i, j)};
  const auto found = std::lower_bound(pairs_.begin(), pairs_.end(), pair);
  VINCI_CHECK(found != pairs_.end() && *found == pair);
  return size() + (found - pairs_.begin());
}

// log q = h'd - d'P d/2, or t h'd - t d'P d/2 + c log s - b t: see PowerGamma for t = s^p.
bool NormalBlock::update(std::span<const double> eta, std::span<double> mean) {
  const auto n = static_cast<size_t>(size());
  std::vector<double> precision(pairs_.size());
  for (size_t k = 0; k < pairs_.size(); ++k) {
    precision[k] = (pairs_[k].first == pairs_[k].second ? -2 : -1) * eta[n + k];
  }
  if (!cholesky_.factor(precision)) return false;
  std::vector<double> m(n);
  cholesky_.solve(eta.first(n), m);
  double quadratic = 0;
  for (size_t i = 0; i < n; ++i) quadratic += eta[i] * m[i];
  double t = 1, shape = 1, rate = 1;
  if (has_scale()) {
    const size_t s = n + pairs_.size();
    shape = (eta[s] + 1) / power_ - static_cast<double>(n) / 2;
    rate = -eta[s + 1] - quadratic / 2;
    if (!(shape > 0 && rate > 0 && std::isfinite(shape) && std::isfinite(rate))) {
      cholesky_.factor(precision_);
      return false;
    }
    t = shape / rate;
    mean[s] = (numeric::digamma(shape) - std::log(rate)) / power_;
    mean[s + 1] = t;
  }
  precision_ = std::move(precision);
  mean_ = std::move(m);
  shape_ = shape;
  rate_ = rate;
  cholesky_.inverse(covariance_);
  half_log_det_ = cholesky_.log_det() / 2;
  for (size_t i = 0; i < n; ++i) mean[i] = t * mean_[i];
  for (size_t k = 0; k < pairs_.size(); ++k) {
    mean[n + k] = covariance_[k] + t * mean_[static_cast<size_t>(pairs_[k].first)] *
                                       mean_[static_cast<size_t>(pairs_[k].second)];
  }
  log_partition_ = static_cast<double>(n) / 2 * kLogTwoPi - half_log_det_;
  log_partition_ +=
      has_scale() ? numeric::lgamma(shape) - shape * std::log(rate) - std::log(std::abs(power_))
                  : quadratic / 2;
  return true;
}

void NormalBlock::start(numeric::RandomStream& random, std::span<double> mean) {
  const auto n = static_cast<size_t>(size());
  for (size_t i = 0; i < n; ++i) mean[i] = start_deviation * random.normal();
  for (size_t k = 0; k < pairs_.size(); ++k) {
    const auto [i, j] = pairs_[k];
    mean[n + k] = mean[static_cast<size_t>(i)] * mean[static_cast<size_t>(j)] + (i == j ? 1 : 0);
  }
  if (has_scale()) {
    mean[n + pairs_.size()] = 0;
    mean[n + pairs_.size() + 1] = 1;
  }
}

void NormalBlock::statistics(std::span<const double> values, std::span<double> u) const {
  const auto n = static_cast<size_t>(size());
  const auto d = [&](int64_t i) {
    return values[static_cast<size_t>(i)] - shifts_[static_cast<size_t>(i)];
  };
  double t = 1;
  if (has_scale()) {
    const double log_s = std::log(values[n]);
    t = std::exp(power_ * log_s);
    u[n + pairs_.size()] = log_s;
    u[n + pairs_.size() + 1] = t;
  }
  for (size_t i = 0; i < n; ++i) u[i] = t * d(static_cast<int64_t>(i));
  for (size_t k = 0; k < pairs_.size(); ++k)
    u[n + k] = t * d(pairs_[k].first) * d(pairs_[k].second);
}

void NormalBlock::draw(numeric::RandomStream& random, std::span<double> values) const {
  const auto n = static_cast<size_t>(size());
  double deviation = 1;
  if (has_scale()) {
    const double log_t = random.log_gamma_draw(shape_) - std::log(rate_);
    values[n] = std::exp(log_t / power_);
    deviation = std::exp(-log_t / 2);
  }
  std::vector<double> noise(n);
  for (double& z : noise) z = random.normal();
  cholesky_.solve_root(noise, values.first(n));
  for (size_t i = 0; i < n; ++i) values[i] = shifts_[i] + mean_[i] + deviation * values[i];
}

double NormalBlock::log_density(std::span<const double> values) const {
  const auto n = static_cast<size_t>(size());
  double square = 0;
  for (size_t k = 0; k < pairs_.size(); ++k) {
    const auto i = static_cast<size_t>(pairs_[k].first), j = static_cast<size_t>(pairs_[k].second);
    square += (i == j ? 1 : 2) * precision_[k] * (values[i] - shifts_[i] - mean_[i]) *
              (values[j] - shifts_[j] - mean_[j]);
  }
  double result = half_log_det_ - static_cast<double>(n) / 2 * kLogTwoPi;
  if (!has_scale()) return result - square / 2;
  const double log_t = power_ * std::log(values[n]);
  const double t = std::exp(log_t);
  result += static_cast<double>(n) / 2 * log_t - t * square / 2;
  // The density of s = t^(1/p) is that of t times |dt/ds| = |p| t / s.
  return result + shape_ * std::log(rate_) - numeric::lgamma(shape_) + shape_ * log_t - rate_ * t +
         std::log(std::abs(power_)) - std::log(values[n]);
}

void NormalBlock::describe(std::span<const std::string> leaf_names,
                           std::vector<NamedDistribution>& out) const {
  const auto n = static_cast<size_t>(size());
  for (size_t k = 0, i = 0; k < pairs_.size(); ++k) {
    if (pairs_[k].first != pairs_[k].second) continue;
    i = static_cast<size_t>(pairs_[k].first);
    const double location = shifts_[i] + mean_[i];
    if (has_scale()) {
      out.push_back({leaf_names[i],
                     "student-t",
                     {{"degrees", 2 * shape_},
                      {"location", location},
                      {"scale", std::sqrt(covariance_[k] * rate_ / shape_)}}});
    } else {
      out.push_back(
          {leaf_names[i], "normal", {{"mean", location}, {"sd", std::sqrt(covariance_[k])}}});
    }
  }
  if (has_scale()) out.push_back(describe_power_gamma(leaf_names[n], power_, shape_, rate_));
}

}  // namespace vinci::conjugate
