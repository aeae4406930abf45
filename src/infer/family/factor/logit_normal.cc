// LogitNormal(mu, sigma): logit x ~ N(mu, sigma). Its moments have no closed form; they are sums of
// the trapezoidal rule, exact to rounding.
#include "infer/family/factor/normal_coordinate.h"

namespace vinci::infer {
namespace {

using numeric::inv_logit;
using numeric::log1p_exp;

/// E f(mu + sigma u), u standard normal. f has its singularities at imaginary parts of pi and more:
/// the rule's error is e^{-2 pi^2 / (sigma h)} for steps h, below 1e-17 here, and what lies beyond
/// |u| = 9 weighs less. [Trefethen and Weideman 2014, doi 10.1137/130932132, theorem 5.1]
template <class F>
double expectation(std::span<const double> l, F f) {
  const double sigma = std::exp(l[1]), h = std::min(0.25, 0.5 / sigma);
  double sum = 0;
  const int steps = static_cast<int>(std::min(9 / h, 1e6));
  for (int k = -steps; k <= steps; ++k) {
    const double u = k * h;
    sum += std::exp(-0.5 * u * u) * f(l[0] + sigma * u);
  }
  return sum * h * std::exp(-kLogSqrtTwoPi);
}
double mean_log(std::span<const double> l) {
  return expectation(l, [](double z) { return -log1p_exp(-z); });
}
double mean_log_one_minus(std::span<const double> l) {
  return expectation(l, [](double z) { return -log1p_exp(z); });
}

class LogitNormal final : public NormalCoordinate<ContinuousFactor> {
 public:
  std::string_view word() const override { return "logit-normal"; }
  Support support() const override { return Support::kUnitInterval; }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    return {{"mu", l[0]}, {"sigma", std::exp(l[1])}};
  }
  double entropy(std::span<const double> l) const override {
    return normal_entropy(l) + mean_log(l) + mean_log_one_minus(l);
  }
  double entropy_unconstrained(std::span<const double> l) const override {
    return normal_entropy(l);
  }
  void mean(std::span<const double> l, std::span<double> out) const override {
    out[0] = expectation(l, [](double z) { return inv_logit(z); });
  }
  void variance(std::span<const double> l, std::span<double> out) const override {
    double centre = 0;
    mean(l, {&centre, 1});
    out[0] = expectation(l, [centre](double z) {
      const double d = inv_logit(z) - centre;
      return d * d;
    });
  }
  Form log_density_form(std::span<const double> l) const override {
    const double precision = std::exp(-2 * l[1]);
    Form f{};
    f[statistic::kOne] = -l[1] - kLogSqrtTwoPi - 0.5 * l[0] * l[0] * precision;
    f[statistic::kLog] = l[0] * precision - 1;
    f[statistic::kLogOneMinus] = -l[0] * precision - 1;
    f[statistic::kLogitSquared] = -0.5 * precision;
    return f;
  }
  Form expected_statistics(std::span<const double> l) const override {
    const double v = std::exp(2 * l[1]);
    return {1,
            expectation(l, [](double z) { return inv_logit(z); }),
            expectation(l, [](double z) { return inv_logit(z) * inv_logit(z); }),
            1 + std::exp(-l[0] + 0.5 * v),
            mean_log(l),
            expectation(l, [](double z) { return log1p_exp(-z) * log1p_exp(-z); }),
            mean_log_one_minus(l),
            l[0] * l[0] + v};
  }
};

}  // namespace

ContinuousFactorPtr logit_normal_factor() { return std::make_shared<LogitNormal>(); }

}  // namespace vinci::infer
