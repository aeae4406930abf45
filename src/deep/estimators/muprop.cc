// MuProp [Gu, Levine, Sutskever, Mnih 2016]: the score function of what is left of f after its
// first-order Taylor expansion at the means of a mean-field pass, whose own gradient is added back:
//     (f(b) - f(m) - f'(m)'(b - E[b])) score + f'(m)' dE[b]                               [eq. (5)]
// E[b] is that of each layer given the draws below, so that it is unbiased in several layers too.
#include "deep/estimators/estimator.h"

namespace vinci::deep {
namespace {

class MuProp : public Estimator {
 public:
  explicit MuProp(const EstimatorRequest& request)
      : samples_(request.config.integer("samples")), moments_(request.parameters, "estimator") {}

  Estimate estimate(const StochasticNetwork& network, const Tensor& x,
                    const std::vector<Tensor>& parameters, Noise& noise) override {
    const auto layers = network.layers();
    const Chain chain = draw_chains(network, x, samples_, noise);
    const Tensor value = network.value(x, chain.detached());
    const Tensor f = value.detach();

    Chain field;
    for (size_t l = 0; l < layers.size(); ++l) {
      // What lies above depends on the means of layer l through its own logits.
      field.logits.push_back(l == 0 ? chain.logits[0].detach()
                                    : network.logits(l, x, field.values.back()));
      Tensor mean = mean_of(layers[l], field.logits.back());
      if (l == 0) mean.set_requires_grad(true);
      field.values.push_back(mean);
    }
    const Tensor at_mean = network.value(x, field);
    const auto slopes = weighted_gradients({at_mean}, {at::ones_like(at_mean)}, field.values);

    const double share = 1.0 / static_cast<double>(samples_);
    const Tensor residual = f - at_mean.detach();
    const Tensor centred = residual - moments_.mean();
    moments_.add(residual);
    std::vector<Tensor> d_logits;
    for (size_t l = 0; l < layers.size(); ++l) {
      const Tensor score = chain.values[l] - chain.means[l];
      const Tensor signal = centred - (slopes[l] * score).sum(-1);
      d_logits.push_back(
          (signal.unsqueeze(-1) * score + mean_gradient(layers[l], slopes[l], chain.means[l])) *
          share);
    }
    Estimate result;
    result.gradients = assemble(chain.logits, d_logits, value, at::full_like(f, share), parameters);
    result.bound = f.mean(0);
    result.evaluations = samples_ + 1;
    return result;
  }

 private:
  int64_t samples_;
  RunningMoments moments_;
};

}  // namespace

std::unique_ptr<Estimator> make_muprop(const EstimatorRequest& request) {
  return std::make_unique<MuProp>(request);
}

}  // namespace vinci::deep
