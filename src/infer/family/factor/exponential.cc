// Exponential(rate b): density b e^(-b x).
#include <numbers>

#include "infer/family/factor/positive.h"

namespace vinci::infer {
namespace {

class Exponential final : public PositiveFactor {
 public:
  std::string_view word() const override { return "exponential"; }
  Index num_params() const override { return 1; }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    return {{"rate", std::exp(l[0])}};
  }
  double log_q(std::span<const double> l, std::span<const double> z) const override {
    return l[0] + z[0] - std::exp(l[0] + z[0]);
  }
  void log_q_gradient(std::span<const double> l, std::span<const double> z,
                      std::span<double> out) const override {
    out[0] = 1 - std::exp(l[0] + z[0]);
  }
  void score_unconstrained(std::span<const double> l, std::span<const double> z,
                           std::span<double> out) const override {
    out[0] = 1 - std::exp(l[0] + z[0]);
  }
  double entropy(std::span<const double> l) const override { return 1 - l[0]; }
  void variance(std::span<const double> l, std::span<double> out) const override {
    out[0] = std::exp(-2 * l[0]);
  }
  void fisher(std::span<const double>, std::span<double> out) const override { out[0] = 1; }
  Form log_density_form(std::span<const double> l) const override {
    Form f{};
    f[statistic::kOne] = l[0];
    f[statistic::kX] = -std::exp(l[0]);
    return f;
  }
  Form expected_statistics(std::span<const double> l) const override {
    constexpr double kZeta2 = std::numbers::pi * std::numbers::pi / 6;
    const double log = -std::numbers::egamma - l[0];
    return {1,
            std::exp(-l[0]),
            2 * std::exp(-2 * l[0]),
            kFactorInfinity,
            log,
            kZeta2 + log * log,
            kFactorNan,
            kFactorNan};
  }
  void transform(std::span<const double> l, std::span<const double> u,
                 std::span<double> z) const override {
    z[0] = std::log(-std::log1p(-u[0])) - l[0];
  }
  void pathwise(std::span<const double>, std::span<const double>, std::span<const double> adjoint,
                std::span<double> gradient) const override {
    gradient[0] = -adjoint[0];
  }
  void start(std::span<const double> mean, std::span<const double>,
             std::span<double> l) const override {
    l[0] = -std::numbers::egamma - mean[0];
  }
};

}  // namespace

ContinuousFactorPtr exponential_factor() { return std::make_shared<Exponential>(); }

}  // namespace vinci::infer
