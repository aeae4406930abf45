#include "coding/distributions.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "coding/strict_math.h"

namespace vinci::coding {

namespace {

/// From log weights up to a constant.
FrequencyTable from_log_weights(std::vector<double> log_weights, int precision) {
  const double largest = *std::max_element(log_weights.begin(), log_weights.end());
  // What underflows is possible all the same.
  for (double& w : log_weights) w = std::max(strict_exp(w - largest), 0x1p-1000);
  return FrequencyTable::from_weights(log_weights, precision);
}

/// From log P(X = k), k < max; the rest of the mass is symbol max.
FrequencyTable with_tail(std::vector<double> log_mass, int precision) {
  double sum = 0;
  for (double& m : log_mass) {
    m = std::max(strict_exp(m), 0x1p-1000);
    sum += m;
  }
  log_mass.push_back(std::max(1 - sum, 0x1p-60));
  return FrequencyTable::from_weights(log_mass, precision);
}

}  // namespace

FrequencyTable uniform_table(size_t n, int precision) {
  return FrequencyTable::from_weights(std::vector<double>(n, 1.0), precision);
}

FrequencyTable bernoulli_table(double p, int precision) {
  VINCI_CHECK(p >= 0 && p <= 1);
  const double weights[] = {std::max(1 - p, 0x1p-60), std::max(p, 0x1p-60)};
  return FrequencyTable::from_weights(weights, precision);
}

FrequencyTable categorical_table(std::span<const double> weights, int precision) {
  return FrequencyTable::from_weights(weights, precision);
}

FrequencyTable beta_binomial_table(int64_t n, double a, double b, int precision) {
  VINCI_CHECK(n >= 0 && a > 0 && b > 0);
  // By the ratio of neighbours, P(k + 1) / P(k) = (n - k)(k + a) / ((k + 1)(n - k - 1 + b)).
  std::vector<double> log_weights(static_cast<size_t>(n) + 1);
  double log_weight = 0;
  for (int64_t k = 0; k <= n; ++k) {
    log_weights[static_cast<size_t>(k)] = log_weight;
    const auto d = static_cast<double>(k);
    const auto left = static_cast<double>(n - k);
    if (k < n) log_weight += strict_log(left * (d + a) / ((d + 1) * (left - 1 + b)));
  }
  return from_log_weights(std::move(log_weights), precision);
}

FrequencyTable poisson_table(double rate, int64_t max, int precision) {
  VINCI_CHECK(rate >= 0 && rate <= std::numeric_limits<double>::max() && max >= 1);
  std::vector<double> log_mass(static_cast<size_t>(max));
  const double log_rate = strict_log(rate);
  for (int64_t k = 0; k < max; ++k) {
    const auto d = static_cast<double>(k);
    log_mass[static_cast<size_t>(k)] =
        k == 0 ? -rate : d * log_rate - rate - strict_log_gamma(d + 1);
  }
  return with_tail(std::move(log_mass), precision);
}

FrequencyTable neg_binomial_table(double mu, double phi, int64_t max, int precision) {
  VINCI_CHECK(mu >= 0 && mu <= std::numeric_limits<double>::max() && phi > 0 && max >= 1);
  std::vector<double> log_mass(static_cast<size_t>(max));
  const double log_success = strict_log(mu / (mu + phi));
  const double log_failure = strict_log(phi / (mu + phi));
  for (int64_t k = 0; k < max; ++k) {
    const auto d = static_cast<double>(k);
    log_mass[static_cast<size_t>(k)] =
        phi * log_failure + (k == 0 ? 0
                                    : strict_log_gamma(d + phi) - strict_log_gamma(phi) -
                                          strict_log_gamma(d + 1) + d * log_success);
  }
  return with_tail(std::move(log_mass), precision);
}

FrequencyTable discretised_logistic_table(std::span<const LogisticComponent> components,
                                          int64_t low, int64_t high, int precision) {
  VINCI_CHECK(low <= high && !components.empty());
  double total = 0;
  for (const LogisticComponent& c : components) {
    VINCI_CHECK(c.scale > 0 && c.weight >= 0);
    total += c.weight;
  }
  return FrequencyTable::from_cdf(
      [&](size_t i) {
        const double edge = static_cast<double>(low + static_cast<int64_t>(i)) + 0.5;
        double p = 0;
        for (const LogisticComponent& c : components)
          p += c.weight * strict_inv_logit((edge - c.location) / c.scale);
        return p / total;
      },
      static_cast<size_t>(high - low) + 1, precision);
}

FrequencyTable discretised_normal_table(double mean, double deviation, int64_t low, int64_t high,
                                        int precision) {
  VINCI_CHECK(low <= high && deviation > 0);
  return FrequencyTable::from_cdf(
      [&](size_t i) {
        const double edge = static_cast<double>(low + static_cast<int64_t>(i)) + 0.5;
        return fast_normal_cdf((edge - mean) / deviation);
      },
      static_cast<size_t>(high - low) + 1, precision);
}

EqualMassBins::EqualMassBins(BinShape shape, size_t n) : shape_(shape) {
  VINCI_CHECK(n >= 2 && n <= 65536 && std::has_single_bit(n));
  log2_size_ = std::countr_zero(n);
  const auto quantile = [&](double p) {
    return shape == BinShape::kNormal ? strict_normal_quantile(p) : strict_log(p / (1 - p));
  };
  const auto count = static_cast<double>(n);
  edges_.resize(n + 1);
  centres_.resize(n);
  // The lower half, and its mirror image: the grid is exactly symmetric.
  for (size_t i = 1; i < n / 2; ++i) edges_[i] = quantile(static_cast<double>(i) / count);
  for (size_t i = 0; i < n / 2; ++i) {
    centres_[i] = quantile((static_cast<double>(i) + 0.5) / count);
    centres_[n - 1 - i] = -centres_[i];
  }
  edges_[0] = -std::numeric_limits<double>::infinity();
  edges_[n / 2] = 0;
  for (size_t i = 0; i < n / 2; ++i) edges_[n - i] = -edges_[i];
}

BinnedDistribution::BinnedDistribution(const EqualMassBins& bins, BinShape shape, double location,
                                       double scale, int precision)
    : bins_(&bins),
      shape_(shape),
      location_(location),
      inverse_scale_(1 / scale),
      precision_(precision),
      mass_(static_cast<double>((uint64_t{1} << precision) - 2 * bins.size())) {
  VINCI_CHECK(precision <= kMaxPrecision && bins.log2_size() + 2 <= precision);
  VINCI_CHECK(scale > 0 && std::isfinite(scale) && std::isfinite(location));
}

uint32_t BinnedDistribution::cumulative(size_t edge) const {
  if (edge == 0) return 0;
  if (edge == bins_->size()) return uint32_t{1} << precision_;
  const double t = (bins_->edge(edge) - location_) * inverse_scale_;
  const double p = shape_ == BinShape::kNormal ? fast_normal_cdf(t) : strict_inv_logit(t);
  return static_cast<uint32_t>(2 * edge + static_cast<uint64_t>(mass_ * p));
}

Interval BinnedDistribution::interval(size_t bin) const {
  const uint32_t start = cumulative(bin);
  return {start, cumulative(bin + 1) - start};
}

size_t BinnedDistribution::find(uint32_t slot) const {
  size_t low = 0;
  size_t high = bins_->size();
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    (cumulative(middle) <= slot ? low : high) = middle;
  }
  return low;
}

double BinnedDistribution::bits(size_t bin) const {
  return precision_ - strict_log2(static_cast<double>(interval(bin).frequency));
}

size_t BinnedDistribution::pop(AnsStack& stack) const {
  const size_t bin = find(stack.slot(precision_));
  stack.pop(interval(bin), precision_);
  return bin;
}

}  // namespace vinci::coding
