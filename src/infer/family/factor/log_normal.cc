// LogNormal(mu, sigma): log x ~ N(mu, sigma).
#include "infer/family/factor/normal_coordinate.h"

namespace vinci::infer {
namespace {

class LogNormal final : public NormalCoordinate<PositiveFactor> {
 public:
  std::string_view word() const override { return "log-normal"; }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    return {{"mu", l[0]}, {"sigma", std::exp(l[1])}};
  }
  double entropy(std::span<const double> l) const override { return normal_entropy(l) + l[0]; }
  void variance(std::span<const double> l, std::span<double> out) const override {
    const double v = std::exp(2 * l[1]);
    out[0] = std::expm1(v) * std::exp(2 * l[0] + v);
  }
  Form log_density_form(std::span<const double> l) const override {
    const double precision = std::exp(-2 * l[1]);
    Form f{};
    f[statistic::kOne] = -l[1] - kLogSqrtTwoPi - 0.5 * l[0] * l[0] * precision;
    f[statistic::kLog] = l[0] * precision - 1;
    f[statistic::kLogSquared] = -0.5 * precision;
    return f;
  }
  Form expected_statistics(std::span<const double> l) const override {
    const double v = std::exp(2 * l[1]);
    return {1,
            std::exp(l[0] + 0.5 * v),
            std::exp(2 * l[0] + 2 * v),
            std::exp(-l[0] + 0.5 * v),
            l[0],
            l[0] * l[0] + v,
            kFactorNan,
            kFactorNan};
  }
};

}  // namespace

ContinuousFactorPtr log_normal_factor() { return std::make_shared<LogNormal>(); }

}  // namespace vinci::infer
