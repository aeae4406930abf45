// Poisson(rate): probability rate^x e^-rate / x!.
#include "infer/family/factor/positive.h"
#include "numeric/random/philox.h"

namespace vinci::infer {
namespace {

using numeric::lgamma;

class Poisson final : public Factor {
 public:
  std::string_view word() const override { return "poisson"; }
  Support support() const override { return Support::kCount; }
  Index num_params() const override { return 1; }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    return {{"rate", std::exp(l[0])}};
  }
  double log_density(std::span<const double> l, std::span<const double> x) const override {
    if (!(x[0] >= 0) || x[0] != std::floor(x[0])) return -kFactorInfinity;
    return x[0] * l[0] - std::exp(l[0]) - lgamma(x[0] + 1);
  }
  void score(std::span<const double> l, std::span<const double> x,
             std::span<double> out) const override {
    out[0] = x[0] - std::exp(l[0]);
  }
  double entropy(std::span<const double> l) const override {
    // rate - rate log(rate) + E log x!, summed over all that weighs more than rounding.
    const double rate = std::exp(l[0]), width = 12 * std::sqrt(rate) + 40;
    double sum = 0;
    for (double k = std::max(2.0, std::floor(rate - width)); k <= rate + width; ++k) {
      const double log_factorial = lgamma(k + 1);
      sum += std::exp(k * l[0] - rate - log_factorial) * log_factorial;
    }
    return rate - rate * l[0] + sum;
  }
  void mean(std::span<const double> l, std::span<double> out) const override {
    out[0] = std::exp(l[0]);
  }
  void variance(std::span<const double> l, std::span<double> out) const override {
    out[0] = std::exp(l[0]);
  }
  void fisher(std::span<const double> l, std::span<double> out) const override {
    out[0] = std::exp(l[0]);
  }
  void draw(std::span<const double> l, std::span<const double> u,
            std::span<double> x) const override {
    // The least k with P(X <= k) = Q(k + 1, rate) >= u, sought from the normal approximation.
    const double rate = std::exp(l[0]);
    const auto reaches = [&](double k) { return numeric::gamma_q(k + 1, rate) >= u[0]; };
    double k = std::floor(std::max(0.0, rate + std::sqrt(rate) * numeric::normal_quantile(u[0])));
    while (!reaches(k)) ++k;
    while (k > 0 && reaches(k - 1)) --k;
    x[0] = k;
  }

 protected:
  double kl_same_kind(std::span<const double> l, std::span<const double> other) const override {
    const double rate = std::exp(l[0]);
    return rate * (l[0] - other[0]) - rate + std::exp(other[0]);
  }
};

}  // namespace

FactorPtr poisson_factor() { return std::make_shared<Poisson>(); }

}  // namespace vinci::infer
