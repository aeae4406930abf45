// The auxiliary variables of logistic, probit and Laplace densities, and of sums of Poisson rates.
#include <algorithm>
#include <cmath>

#include "conjugate/variable.h"
#include "numeric/special/special.h"

namespace vinci::conjugate {

bool PolyaGamma::update(std::span<const double> eta, std::span<double> mean) {
  if (!(eta[0] <= 0 && std::isfinite(eta[0]))) return false;
  const double c = std::sqrt(-2 * eta[0]);
  // tanh(c/2) / (2c) = 1/4 - c^2/48 + c^4/480 ...: below 1e-4 the next term is under 1e-18
  mean[0] = count_ * (c < 1e-4 ? 0.25 - c * c / 48 : std::tanh(c / 2) / (2 * c));
  log_partition_ = log_sum(eta, {});
  return true;
}

double PolyaGamma::log_sum(std::span<const double> eta, std::span<const double>) const {
  const double c = std::sqrt(-2 * eta[0]);
  // log cosh(c/2) = c/2 + log1p(e^-c) - log 2
  return -count_ * (c / 2 + std::log1p(std::exp(-c)) - std::log(2.0));
}

void PolyaGamma::start(numeric::RandomStream&, std::span<double> mean) { mean[0] = count_ / 4; }

bool TruncatedNormal::update(std::span<const double> eta, std::span<double> mean) {
  if (!std::isfinite(eta[0])) return false;
  const double m = sign_ * eta[0];
  mean[0] = sign_ * (m + numeric::std_normal_lcdf_derivative(m));
  log_partition_ = log_sum(eta, {});
  return true;
}

double TruncatedNormal::log_sum(std::span<const double> eta, std::span<const double>) const {
  return numeric::std_normal_lcdf(sign_ * eta[0]) + eta[0] * eta[0] / 2;
}

void TruncatedNormal::start(numeric::RandomStream&, std::span<double> mean) {
  mean[0] = sign_ * 0.79788456080286536;  // sqrt(2/pi): of the half normal
}

bool InverseGaussian::update(std::span<const double> eta, std::span<double> mean) {
  if (!(eta[0] < 0 && std::isfinite(eta[0]))) return false;
  mean[0] = 1 / std::sqrt(-2 * eta[0]);
  log_partition_ = log_sum(eta, {});
  return true;
}

double InverseGaussian::log_sum(std::span<const double> eta, std::span<const double>) const {
  // -0 and what rounding makes of a square that is zero: the density at its peak
  return 0.91893853320467274 - std::sqrt(std::max(-2 * eta[0], 0.0));
}

void InverseGaussian::start(numeric::RandomStream&, std::span<double> mean) { mean[0] = 1; }

bool SplitCount::update(std::span<const double> eta, std::span<double> mean) {
  const double log_sum = this->log_sum(eta, {});
  if (!std::isfinite(log_sum)) return false;
  const double log_rate = (log_sum + numeric::lgamma(count_ + 1)) / count_;
  for (size_t k = 0; k < eta.size(); ++k) mean[k] = count_ * std::exp(eta[k] - log_rate);
  log_partition_ = log_sum;
  return true;
}

double SplitCount::log_sum(std::span<const double> eta, std::span<const double>) const {
  const double top = *std::max_element(eta.begin(), eta.end());
  double sum = 0;
  for (double e : eta) sum += std::exp(e - top);
  return count_ * (top + std::log(sum)) - numeric::lgamma(count_ + 1);
}

/// Apart, so that factors of a product do not begin alike.
void SplitCount::start(numeric::RandomStream& random, std::span<double> mean) {
  double total = 0;
  for (double& m : mean) total += m = random.gamma(1, 1);
  for (double& m : mean) m *= count_ / total;
}

}  // namespace vinci::conjugate
