// A discrete variable by itself.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "conjugate/variable.h"

namespace vinci::conjugate {

Categorical::Categorical(int32_t leaf, int64_t num_states, int64_t first_state)
    : first_state_(first_state),
      probability_(static_cast<size_t>(num_states), 1.0 / static_cast<double>(num_states)) {
  leaves_ = {leaf};
}

bool Categorical::update(std::span<const double> eta, std::span<double> mean) {
  const double top = *std::max_element(eta.begin(), eta.end());
  if (!std::isfinite(top)) return false;
  double sum = 0;
  for (double e : eta) sum += std::exp(e - top);
  log_partition_ = top + std::log(sum);
  for (size_t k = 0; k < eta.size(); ++k) {
    mean[k] = probability_[k] = std::exp(eta[k] - log_partition_);
  }
  return true;
}

void Categorical::start(numeric::RandomStream& random, std::span<double> mean) {
  double sum = 0;
  for (double& m : mean) sum += m = 1 + 0.5 * random.uniform();
  for (double& m : mean) m /= sum;
}

void Categorical::draw(numeric::RandomStream& random, std::span<double> values) const {
  values[0] = static_cast<double>(random.categorical(probability_) + first_state_);
}

double Categorical::log_density(std::span<const double> values) const {
  return std::log(probability_[static_cast<size_t>(values[0]) - static_cast<size_t>(first_state_)]);
}

void Categorical::leaf_means(std::span<double> means) const {
  means[0] = 0;
  for (size_t k = 0; k < probability_.size(); ++k) {
    means[0] += probability_[k] * static_cast<double>(first_state_ + static_cast<int64_t>(k));
  }
}

void Categorical::describe(std::span<const std::string> leaf_names,
                           std::vector<NamedDistribution>& out) const {
  NamedDistribution d{leaf_names[0], "categorical", {}};
  for (size_t k = 0; k < probability_.size(); ++k) {
    d.params.emplace_back(fmt::format("p[{}]", first_state_ + static_cast<int64_t>(k)),
                          probability_[k]);
  }
  out.push_back(std::move(d));
}

}  // namespace vinci::conjugate
