// Bernoulli: x is 1 with probability inv_logit(lambda), else 0.
#include "infer/family/factor/positive.h"

namespace vinci::infer {
namespace {

using numeric::inv_logit;
using numeric::log1p_exp;

class Bernoulli final : public Factor {
 public:
  std::string_view word() const override { return "bernoulli"; }
  Support support() const override { return Support::kBit; }
  Index num_params() const override { return 1; }
  std::vector<NamedParam> named_params(std::span<const double> l) const override {
    return {{"probability", inv_logit(l[0])}};
  }
  double log_density(std::span<const double> l, std::span<const double> x) const override {
    if (x[0] != 0 && x[0] != 1) return -kFactorInfinity;
    return x[0] == 1 ? -log1p_exp(-l[0]) : -log1p_exp(l[0]);
  }
  void score(std::span<const double> l, std::span<const double> x,
             std::span<double> out) const override {
    out[0] = x[0] == 1 ? inv_logit(-l[0]) : -inv_logit(l[0]);
  }
  double entropy(std::span<const double> l) const override {
    return inv_logit(l[0]) * log1p_exp(-l[0]) + inv_logit(-l[0]) * log1p_exp(l[0]);
  }
  void mean(std::span<const double> l, std::span<double> out) const override {
    out[0] = inv_logit(l[0]);
  }
  void variance(std::span<const double> l, std::span<double> out) const override {
    out[0] = inv_logit(l[0]) * inv_logit(-l[0]);
  }
  void fisher(std::span<const double> l, std::span<double> out) const override { variance(l, out); }
  void draw(std::span<const double> l, std::span<const double> u,
            std::span<double> x) const override {
    x[0] = u[0] > inv_logit(-l[0]) ? 1 : 0;
  }

 protected:
  double kl_same_kind(std::span<const double> l, std::span<const double> other) const override {
    return inv_logit(l[0]) * (log1p_exp(-other[0]) - log1p_exp(-l[0])) +
           inv_logit(-l[0]) * (log1p_exp(other[0]) - log1p_exp(l[0]));
  }
};

}  // namespace

FactorPtr bernoulli_factor() { return std::make_shared<Bernoulli>(); }

}  // namespace vinci::infer
