// PowerGamma: gamma, inverse gamma and their roots.
#include <cmath>

#include "conjugate/variable.h"
#include "numeric/special/special.h"

namespace vinci::conjugate {

PowerGamma::PowerGamma(int32_t leaf, double power) : power_(power) { leaves_ = {leaf}; }

// With t = x^p and dx = dt / (|p| x^{p-1}): x^c exp(-b x^p) dx = t^{(c + 1)/p - 1} e^{-b t} dt /
// |p|.
bool PowerGamma::update(std::span<const double> eta, std::span<double> mean) {
  const double shape = (eta[0] + 1) / power_;
  const double rate = -eta[1];
  if (!(shape > 0 && rate > 0 && std::isfinite(shape) && std::isfinite(rate))) return false;
  shape_ = shape;
  rate_ = rate;
  mean[0] = (numeric::digamma(shape) - std::log(rate)) / power_;
  mean[1] = shape / rate;
  log_partition_ = log_sum(eta, {});
  return true;
}

double PowerGamma::log_sum(std::span<const double> eta, std::span<const double>) const {
  const double shape = (eta[0] + 1) / power_;
  return numeric::lgamma(shape) - shape * std::log(-eta[1]) - std::log(std::abs(power_));
}

void PowerGamma::statistics(std::span<const double> values, std::span<double> u) const {
  u[0] = std::log(values[0]);
  u[1] = std::exp(power_ * u[0]);
}

void PowerGamma::start(numeric::RandomStream&, std::span<double> mean) {
  mean[0] = 0;
  mean[1] = 1;
}

void PowerGamma::draw(numeric::RandomStream& random, std::span<double> values) const {
  if (leaves_.empty()) return;
  const double log_t = random.log_gamma_draw(shape_) - std::log(rate_);
  values[0] = std::exp(log_t / power_);
}

double PowerGamma::log_density(std::span<const double> values) const {
  if (leaves_.empty()) return 0;
  const double x = values[0];
  return (shape_ * power_ - 1) * std::log(x) - rate_ * std::pow(x, power_) - log_partition_;
}

void PowerGamma::describe(std::span<const std::string> leaf_names,
                          std::vector<NamedDistribution>& out) const {
  if (!leaves_.empty()) out.push_back(describe_power_gamma(leaf_names[0], power_, shape_, rate_));
}

NamedDistribution describe_power_gamma(const std::string& name, double power, double shape,
                                       double rate) {
  if (power == 1) return {name, "gamma", {{"shape", shape}, {"rate", rate}}};
  if (power == -1) return {name, "inverse-gamma", {{"shape", shape}, {"scale", rate}}};
  if (power == -2) return {name, "root-inverse-gamma", {{"shape", shape}, {"scale", rate}}};
  return {name, "power-gamma", {{"power", power}, {"shape", shape}, {"rate", rate}}};
}

}  // namespace vinci::conjugate
