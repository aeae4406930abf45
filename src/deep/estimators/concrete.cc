// The Concrete distribution [Maddison, Mnih, Teh 2017], also Gumbel-softmax [Jang, Gu, Poole 2017]:
// b is replaced by sigmoid or softmax of (logits + noise) / temperature. `concrete` maximises the
// bound of the relaxed model, with densities of the relaxed variables in log space;
// `gumbel-softmax` keeps the masses' formula at values between 0 and 1. Both are biased for the
// discrete model.
#include "deep/estimators/concrete.h"

#include <cmath>

#include "deep/core/functions.h"
#include "deep/estimators/pathwise.h"

namespace vinci::deep {

Tensor binary_concrete_log_density(const Tensor& y, const Tensor& logit, double temperature) {
  const Tensor d = logit - temperature * y;
  return d - 2 * at::softplus(d) + std::log(temperature);
}

Tensor concrete_log_density(const Tensor& y, const Tensor& logits, double temperature) {
  const Tensor d = logits - temperature * y;
  const auto n = static_cast<double>(y.size(-1));
  return d.sum(-1) - n * d.logsumexp(-1) + (std::lgamma(n) + (n - 1) * std::log(temperature));
}

Estimate Pathwise::estimate(const StochasticNetwork& network, const Tensor& x,
                            const std::vector<Tensor>& parameters, Noise& noise) {
  const Tensor value = network.value(x, relaxed_chain(network, x, samples_, noise));
  const Tensor bound = iwae_ ? log_mean_exp(value) : value.mean(0);
  Estimate result;
  result.gradients = gradients_of(-bound.mean(), parameters);
  result.bound = bound.detach();
  result.evaluations = samples_;
  return result;
}

namespace {

class Concrete : public Pathwise {
 public:
  Concrete(const EstimatorRequest& request, bool densities)
      : Pathwise(request),
        densities_(densities),
        temperature_(request.config.number("temperature")),
        prior_temperature_(request.config.number("prior-temperature")) {}

 private:
  Chain relaxed_chain(const StochasticNetwork& network, const Tensor& x, int64_t n,
                      Noise& noise) override {
    const auto layers = network.layers();
    int64_t width = 0;
    for (const Units& units : layers) width += units.width();
    const Tensor u = noise.uniform({n, x.size(0), width});
    Chain chain;
    chain.temperature = temperature_;
    chain.prior_temperature = prior_temperature_;
    Tensor below;
    int64_t used = 0;
    for (const Units& units : layers) {
      chain.logits.push_back(network.logits(chain.logits.size(), x, below));
      const Tensor own = u.slice(-1, used, used + units.width());
      used += units.width();
      const Tensor error =
          units.binary() ? own.log() - (-own).log1p() : own.log().neg().log().neg();
      Tensor y = (chain.logits.back() + error) / temperature_;
      if (units.binary()) {
        below = y.sigmoid();
      } else {
        y = y.unflatten(-1, {units.count, units.states}).log_softmax(-1).flatten(-2);
        below = y.exp();
      }
      chain.values.push_back(below);
      if (densities_) chain.unbounded.push_back(y);
    }
    return chain;
  }

  bool densities_;
  double temperature_, prior_temperature_;
};

}  // namespace

std::unique_ptr<Estimator> make_concrete(const EstimatorRequest& request) {
  return std::make_unique<Concrete>(request, true);
}
std::unique_ptr<Estimator> make_gumbel_softmax(const EstimatorRequest& request) {
  return std::make_unique<Concrete>(request, false);
}

}  // namespace vinci::deep
