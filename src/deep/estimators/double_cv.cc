// Double control variates [Titsias and Shi 2022]: leave-one-out, where each other draw predicts f
// by its first-order Taylor expansion instead of its value,
//     f(b_k) ~ f(b_j) + a_j'(b_k - b_j),  a_j = df/db at b_j.
// With b_k - b_j = (b_k - E[b]) - (b_j - E[b]) the second part is a baseline, the first has a mean
// in closed form [sec. 3]. The derivatives come from the pass back that p's gradient needs anyway.
// Each part has a coefficient for each layer, learned by minimising the estimate's mean square.
#include "deep/estimators/surrogate.h"

namespace vinci::deep {
namespace {

class DoubleCv : public Estimator {
 public:
  explicit DoubleCv(const EstimatorRequest& request) : samples_(request.config.integer("samples")) {
    const auto depth = static_cast<int64_t>(request.network.layers().size());
    coefficients_ = request.parameters.add("coefficients", at::full({depth, 2}, 0.5),
                                           ParameterGroup::kSurrogate);
  }

  Estimate estimate(const StochasticNetwork& network, const Tensor& x,
                    const std::vector<Tensor>& parameters, Noise& noise) override {
    const auto layers = network.layers();
    Chain chain = draw_chains(network, x, samples_, noise);
    for (Tensor& t : chain.values) t.set_requires_grad(true);
    const Tensor value = network.value(x, chain.detached());
    const Tensor f = value.detach();
    const double share = 1.0 / static_cast<double>(samples_);
    const double batch = static_cast<double>(x.size(0));

    std::vector<Tensor> inputs = parameters;
    inputs.insert(inputs.end(), chain.values.begin(), chain.values.end());
    Estimate result;
    result.gradients = weighted_gradients({value}, {at::full_like(f, -share / batch)}, inputs);
    std::vector<Tensor> slopes(result.gradients.end() - static_cast<std::ptrdiff_t>(layers.size()),
                               result.gradients.end());
    result.gradients.resize(parameters.size());
    // What a layer does to f through the draws above it, to first order: through their means.
    for (size_t l = layers.size(); l-- > 0;) {
      if (!slopes[l].defined()) slopes[l] = at::zeros_like(chain.values[l]);
      if (l + 1 == layers.size()) continue;
      const Tensor above = network.logits(l + 1, x, chain.values[l]);
      const Tensor weight = mean_gradient(layers[l + 1], slopes[l + 1], chain.means[l + 1]);
      slopes[l] = slopes[l] + weighted_gradients({above}, {weight}, {chain.values[l]})[0];
    }

    WithoutGradient scope;
    const Tensor centred = f - mean_of_others(f);
    Tensor d_coefficients = at::empty_like(coefficients_);
    std::vector<Tensor> outputs, d_logits;
    for (size_t l = 0; l < layers.size(); ++l) {
      const Tensor slope = slopes[l] * (-batch / share);
      const Tensor score = chain.values[l].detach() - chain.means[l];
      const Tensor others = mean_of_others(slope);
      const Tensor outer = (others * score).sum(-1, true);
      const Tensor inner = mean_of_others((slope * score).sum(-1, true));
      const auto row = static_cast<int64_t>(l);
      // The estimate is linear in both coefficients.
      const Tensor of_outer = mean_gradient(layers[l], others, chain.means[l]) - outer * score;
      const Tensor of_inner = inner * score;
      const Tensor estimate = centred.unsqueeze(-1) * score + coefficients_[row][0] * of_outer +
                              coefficients_[row][1] * of_inner;
      const double scale = 2 * share / batch;
      d_coefficients[row][0] = (estimate * of_outer).sum() * scale;
      d_coefficients[row][1] = (estimate * of_inner).sum() * scale;
      Tensor d = estimate * (-share / batch);
      if (d.size(0) != chain.logits[l].size(0)) d = d.sum(0, true);
      outputs.push_back(chain.logits[l]);
      d_logits.push_back(d);
    }
    const auto of_q = weighted_gradients(outputs, d_logits, parameters);
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (!of_q[i].defined()) continue;
      Tensor& sum = result.gradients[i];
      sum = sum.defined() ? sum + of_q[i] : of_q[i];
    }
    result.surrogate_gradients = {d_coefficients};
    result.bound = f.mean(0);
    result.evaluations = samples_;
    return result;
  }

 private:
  int64_t samples_;
  Tensor coefficients_;  // [L, 2]
};

}  // namespace

std::unique_ptr<Estimator> make_double_cv(const EstimatorRequest& request) {
  return std::make_unique<DoubleCv>(request);
}

}  // namespace vinci::deep
