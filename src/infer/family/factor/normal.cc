// Normal(mean, sd).
#include "infer/family/factor/normal_coordinate.h"

namespace vinci::infer {
namespace {

class Normal final : public NormalCoordinate<ContinuousFactor> {
 public:
  std::string_view word() const override { return "normal"; }
  Support support() const override { return Support::kReal; }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    return {{"mean", l[0]}, {"sd", std::exp(l[1])}};
  }
  double entropy(std::span<const double> l) const override { return normal_entropy(l); }
  double entropy_unconstrained(std::span<const double> l) const override {
    return normal_entropy(l);
  }
  void mean(std::span<const double> l, std::span<double> out) const override { out[0] = l[0]; }
  void variance(std::span<const double> l, std::span<double> out) const override {
    out[0] = std::exp(2 * l[1]);
  }
  Form log_density_form(std::span<const double> l) const override {
    const double precision = std::exp(-2 * l[1]);
    Form f{};
    f[statistic::kOne] = -l[1] - kLogSqrtTwoPi - 0.5 * l[0] * l[0] * precision;
    f[statistic::kX] = l[0] * precision;
    f[statistic::kXSquared] = -0.5 * precision;
    return f;
  }
  Form expected_statistics(std::span<const double> l) const override {
    Form f;
    f.fill(kFactorNan);
    f[statistic::kOne] = 1;
    f[statistic::kX] = l[0];
    f[statistic::kXSquared] = l[0] * l[0] + std::exp(2 * l[1]);
    return f;
  }
};

}  // namespace

ContinuousFactorPtr normal_factor() { return std::make_shared<Normal>(); }

}  // namespace vinci::infer
