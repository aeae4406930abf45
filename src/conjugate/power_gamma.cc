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
  log_partition_ = numeric::lgamma(shape) - shape * std::log(rate) - std::log(std::abs(power_));
  return true;
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

void PowerGamma::leaf_means(std::span<double> means) const {
  if (leaves_.empty()) return;
  const double r = 1 / power_;
  means[0] =
      shape_ + r > 0
          ? std::exp(numeric::lgamma(shape_ + r) - numeric::lgamma(shape_) - r * std::log(rate_))
          : std::numeric_limits<double>::infinity();
}

void PowerGamma::describe(std::span<const std::string> leaf_names,
                          std::vector<NamedDistribution>& out) const {
  if (leaves_.empty()) return;
  const std::string& x = leaf_names[0];
  if (power_ == 1) {
    out.push_back({x, "gamma", {{"shape", shape_}, {"rate", rate_}}});
  } else if (power_ == -1) {
    out.push_back({x, "inverse-gamma", {{"shape", shape_}, {"scale", rate_}}});
  } else if (power_ == -2) {
    out.push_back({x, "root-inverse-gamma", {{"shape", shape_}, {"scale", rate_}}});
  } else {
    out.push_back({x, "power-gamma", {{"power", power_}, {"shape", shape_}, {"rate", rate_}}});
  }
}

}  // namespace vinci::conjugate
