// Dirichlet and beta.
#include <fmt/format.h>

#include <cmath>

#include "conjugate/variable.h"
#include "numeric/special/row_functions.h"
#include "numeric/special/special.h"

namespace vinci::conjugate {

using namespace numeric;  // NOLINT: the dispatch macro names its namespaces from there

namespace {
constexpr int64_t kVectorSize = 64;  // from here on the vector functions pay

void logs(std::span<const double> x, std::span<double> out) {
  if (std::ssize(x) >= kVectorSize) {
    VINCI_SIMD_SELECT(row_function)
    (RowFunction::log, x.data(), nullptr, out.data(), std::ssize(x));
  } else {
    for (size_t k = 0; k < x.size(); ++k) out[k] = std::log(x[k]);
  }
}
}  // namespace

Dirichlet::Dirichlet(std::vector<int32_t> leaves, bool is_probability)
    : is_probability_(is_probability), alpha_(is_probability ? 2 : leaves.size(), 1.0) {
  leaves_ = std::move(leaves);
}

bool Dirichlet::update(std::span<const double> eta, std::span<double> mean) {
  double total = 0, a = 0;
  for (double e : eta) {
    if (!(e > -1 && std::isfinite(e))) return false;
    total += e + 1;
  }
  const double psi = numeric::digamma(total);
  const auto count = static_cast<int64_t>(alpha_.size());
  for (size_t k = 0; k < alpha_.size(); ++k) alpha_[k] = eta[k] + 1;
  if (count >= kVectorSize) {
    std::vector<double> log_gamma(alpha_.size());
    VINCI_SIMD_SELECT(row_function)
    (RowFunction::digamma, alpha_.data(), nullptr, mean.data(), count);
    VINCI_SIMD_SELECT(row_function)
    (RowFunction::lgamma, alpha_.data(), nullptr, log_gamma.data(), count);
    for (size_t k = 0; k < alpha_.size(); ++k) {
      mean[k] -= psi;
      a += log_gamma[k];
    }
  } else {
    for (size_t k = 0; k < alpha_.size(); ++k) {
      mean[k] = numeric::digamma(alpha_[k]) - psi;
      a += numeric::lgamma(alpha_[k]);
    }
  }
  log_partition_ = a - numeric::lgamma(total);
  return true;
}

void Dirichlet::start(numeric::RandomStream&, std::span<double> mean) {
  for (double& m : mean) m = -std::log(static_cast<double>(mean.size()));
}

void Dirichlet::statistics(std::span<const double> values, std::span<double> u) const {
  logs(values, u);
  if (is_probability_) u[1] = std::log1p(-values[0]);
}

void Dirichlet::draw(numeric::RandomStream& random, std::span<double> values) const {
  std::vector<double> x(alpha_.size());
  random.dirichlet(alpha_, x);
  for (size_t k = 0; k < values.size(); ++k) values[k] = x[k];
}

double Dirichlet::log_density(std::span<const double> values) const {
  double sum = -log_partition_;
  std::vector<double> log_values(values.size());
  logs(values, log_values);
  for (size_t k = 0; k < values.size(); ++k) {
    if (alpha_[k] != 1) sum += (alpha_[k] - 1) * log_values[k];
  }
  if (is_probability_ && alpha_[1] != 1) sum += (alpha_[1] - 1) * std::log1p(-values[0]);
  return sum;
}

void Dirichlet::describe(std::span<const std::string> leaf_names,
                         std::vector<NamedDistribution>& out) const {
  if (is_probability_) {
    out.push_back({leaf_names[0], "beta", {{"a", alpha_[0]}, {"b", alpha_[1]}}});
    return;
  }
  out.push_back(describe_dirichlet(leaf_names, alpha_));
}

}  // namespace vinci::conjugate
