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
  log_partition_ = log_sum(eta, {});
  for (size_t k = 0; k < eta.size(); ++k) {
    mean[k] = probability_[k] = std::exp(eta[k] - log_partition_);
  }
  return true;
}

double Categorical::log_sum(std::span<const double> eta, std::span<const double>) const {
  const double top = *std::max_element(eta.begin(), eta.end());
  double sum = 0;
  for (double e : eta) sum += std::exp(e - top);
  return top + std::log(sum);
}

void Categorical::start(numeric::RandomStream& random, std::span<double> mean) {
  double sum = 0;
  for (double& m : mean) sum += m = 1 + 0.5 * random.uniform();
  for (double& m : mean) m /= sum;
}

void Categorical::visit_states(std::span<const double> eta, std::span<const double>,
                               const StateVisitor& visit) const {
  const double total = log_sum(eta, {});
  std::vector<double> p(eta.size());
  for (size_t k = 0; k < p.size(); ++k) p[k] = std::exp(eta[k] - total);
  visit(leaves_[0], first_state_, p);
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
