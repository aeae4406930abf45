// Beta(a, b): density x^(a-1) (1-x)^(b-1) / B(a, b).
#include "infer/family/factor/positive.h"

namespace vinci::infer {
namespace {

using numeric::digamma;
using numeric::inv_logit;
using numeric::lgamma;
using numeric::log1p_exp;
using numeric::trigamma;

double log_beta(double a, double b) { return lgamma(a) + lgamma(b) - lgamma(a + b); }

class Beta final : public ContinuousFactor {
 public:
  std::string_view word() const override { return "beta"; }
  Support support() const override { return Support::kUnitInterval; }
  Index num_params() const override { return 2; }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    return {{"a", std::exp(l[0])}, {"b", std::exp(l[1])}};
  }
  double log_q(std::span<const double> l, std::span<const double> z) const override {
    const double a = std::exp(l[0]), b = std::exp(l[1]);
    return -a * log1p_exp(-z[0]) - b * log1p_exp(z[0]) - log_beta(a, b);
  }
  void log_q_gradient(std::span<const double> l, std::span<const double> z,
                      std::span<double> out) const override {
    out[0] = std::exp(l[0]) * inv_logit(-z[0]) - std::exp(l[1]) * inv_logit(z[0]);
  }
  void score_unconstrained(std::span<const double> l, std::span<const double> z,
                           std::span<double> out) const override {
    const double a = std::exp(l[0]), b = std::exp(l[1]), psi = digamma(a + b);
    out[0] = a * (psi - digamma(a) - log1p_exp(-z[0]));
    out[1] = b * (psi - digamma(b) - log1p_exp(z[0]));
  }
  double entropy(std::span<const double> l) const override {
    const double a = std::exp(l[0]), b = std::exp(l[1]);
    return log_beta(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b) +
           (a + b - 2) * digamma(a + b);
  }
  double entropy_unconstrained(std::span<const double> l) const override {
    const double a = std::exp(l[0]), b = std::exp(l[1]);
    return log_beta(a, b) - a * digamma(a) - b * digamma(b) + (a + b) * digamma(a + b);
  }
  void mean(std::span<const double> l, std::span<double> out) const override {
    out[0] = inv_logit(l[0] - l[1]);
  }
  void variance(std::span<const double> l, std::span<double> out) const override {
    const double n = std::exp(l[0]) + std::exp(l[1]);
    out[0] = inv_logit(l[0] - l[1]) * inv_logit(l[1] - l[0]) / (n + 1);
  }
  void fisher(std::span<const double> l, std::span<double> out) const override {
    const double a = std::exp(l[0]), b = std::exp(l[1]), common = trigamma(a + b);
    out[0] = a * a * (trigamma(a) - common);
    out[1] = out[2] = -a * b * common;
    out[3] = b * b * (trigamma(b) - common);
  }
  Form log_density_form(std::span<const double> l) const override {
    const double a = std::exp(l[0]), b = std::exp(l[1]);
    Form f{};
    f[statistic::kOne] = -log_beta(a, b);
    f[statistic::kLog] = a - 1;
    f[statistic::kLogOneMinus] = b - 1;
    return f;
  }
  Form expected_statistics(std::span<const double> l) const override {
    const double a = std::exp(l[0]), b = std::exp(l[1]), n = a + b;
    const double log = digamma(a) - digamma(n), logit = digamma(a) - digamma(b);
    return {1,
            a / n,
            a * (a + 1) / (n * (n + 1)),
            a > 1 ? (n - 1) / (a - 1) : kFactorInfinity,
            log,
            trigamma(a) - trigamma(n) + log * log,
            digamma(b) - digamma(n),
            trigamma(a) + trigamma(b) + logit * logit};
  }
  void transform(std::span<const double> l, std::span<const double> u,
                 std::span<double> z) const override {
    z[0] = numeric::logit_beta_quantile(std::exp(l[0]), std::exp(l[1]), u[0]);
  }
  void pathwise(std::span<const double> l, std::span<const double> z,
                std::span<const double> adjoint, std::span<double> gradient) const override {
    const double a = std::exp(l[0]), b = std::exp(l[1]);
    double d_a = 0, d_b = 0;
    numeric::logit_beta_quantile_derivatives(a, b, z[0], &d_a, &d_b);
    gradient[0] = adjoint[0] * a * d_a;
    gradient[1] = adjoint[0] * b * d_b;
  }
  void start(std::span<const double> mean, std::span<const double> sd,
             std::span<double> l) const override {
    // The logit of a Beta(n m, n (1 - m)) has about the variance 1 / (n m (1 - m)).
    const double m = inv_logit(mean[0]), rest = inv_logit(-mean[0]);
    const double n = 1 / std::max(sd[0] * sd[0] * m * rest, 1e-12);
    l[0] = std::log(std::max(n * m, 0.05));
    l[1] = std::log(std::max(n * rest, 0.05));
  }
};

}  // namespace

ContinuousFactorPtr beta_factor() { return std::make_shared<Beta>(); }

}  // namespace vinci::infer
