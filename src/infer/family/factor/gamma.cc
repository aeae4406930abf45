// Gamma(shape a, rate b): density b^a x^(a-1) e^(-b x) / Gamma(a).
#include "infer/family/factor/positive.h"

namespace vinci::infer {
namespace {

using numeric::digamma;
using numeric::lgamma;
using numeric::trigamma;

class Gamma final : public PositiveFactor {
 public:
  std::string_view word() const override { return "gamma"; }
  Index num_params() const override { return 2; }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    return {{"shape", std::exp(l[0])}, {"rate", std::exp(l[1])}};
  }
  double log_q(std::span<const double> l, std::span<const double> z) const override {
    const double a = std::exp(l[0]), t = z[0] + l[1];
    return a * t - std::exp(t) - lgamma(a);
  }
  void log_q_gradient(std::span<const double> l, std::span<const double> z,
                      std::span<double> out) const override {
    out[0] = std::exp(l[0]) - std::exp(z[0] + l[1]);
  }
  void score_unconstrained(std::span<const double> l, std::span<const double> z,
                           std::span<double> out) const override {
    const double a = std::exp(l[0]), t = z[0] + l[1];
    out[0] = a * (t - digamma(a));
    out[1] = a - std::exp(t);
  }
  double entropy(std::span<const double> l) const override {
    const double a = std::exp(l[0]);
    return a - l[1] + lgamma(a) + (1 - a) * digamma(a);
  }
  void variance(std::span<const double> l, std::span<double> out) const override {
    out[0] = std::exp(l[0] - 2 * l[1]);
  }
  void fisher(std::span<const double> l, std::span<double> out) const override {
    const double a = std::exp(l[0]);
    out[0] = a * a * trigamma(a);
    out[1] = out[2] = -a;
    out[3] = a;
  }
  Form log_density_form(std::span<const double> l) const override {
    const double a = std::exp(l[0]);
    Form f{};
    f[statistic::kOne] = a * l[1] - lgamma(a);
    f[statistic::kX] = -std::exp(l[1]);
    f[statistic::kLog] = a - 1;
    return f;
  }
  Form expected_statistics(std::span<const double> l) const override {
    const double a = std::exp(l[0]), b = std::exp(l[1]), log = digamma(a) - l[1];
    return {1,
            a / b,
            a * (a + 1) / (b * b),
            a > 1 ? b / (a - 1) : kFactorInfinity,
            log,
            trigamma(a) + log * log,
            kFactorNan,
            kFactorNan};
  }
  void transform(std::span<const double> l, std::span<const double> u,
                 std::span<double> z) const override {
    z[0] = numeric::log_gamma_quantile(std::exp(l[0]), u[0]) - l[1];
  }
  void pathwise(std::span<const double> l, std::span<const double> z,
                std::span<const double> adjoint, std::span<double> gradient) const override {
    const double a = std::exp(l[0]);
    gradient[0] = adjoint[0] * a * numeric::log_gamma_quantile_derivative(a, z[0] + l[1]);
    gradient[1] = -adjoint[0];
  }
  void start(std::span<const double> mean, std::span<const double> sd,
             std::span<double> l) const override {
    const double a = gamma_shape_of_log_sd(sd[0]);
    l[0] = std::log(a);
    l[1] = digamma(a) - mean[0];
  }
};

}  // namespace

ContinuousFactorPtr gamma_factor() { return std::make_shared<Gamma>(); }

}  // namespace vinci::infer
