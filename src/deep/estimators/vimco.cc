// VIMCO [Mnih and Rezende 2016]: the score function for L_k = log (1/k) sum_i exp f(b^i); the
// baseline of each draw is the bound with its weight replaced by the geometric mean of the others
// [eq. (8)-(10)].
#include "deep/core/functions.h"
#include "deep/estimators/estimator.h"

namespace vinci::deep {
namespace {

class Vimco : public Estimator {
 public:
  explicit Vimco(const EstimatorRequest& request) : samples_(request.config.integer("samples")) {}

  Estimate estimate(const StochasticNetwork& network, const Tensor& x,
                    const std::vector<Tensor>& parameters, Noise& noise) override {
    const Chain chain = draw_chains(network, x, samples_, noise);
    // Through -log q the weights depend on q's parameters directly.
    const Tensor value = network.value(x, chain);
    const Tensor f = value.detach();
    Estimate result;
    result.bound = log_mean_exp(f);
    const Tensor signal = (result.bound - log_mean_exp_with(f, mean_of_others(f))).unsqueeze(-1);
    std::vector<Tensor> d_logits;
    for (size_t l = 0; l < chain.values.size(); ++l)
      d_logits.push_back(signal * (chain.values[l] - chain.means[l]));
    result.gradients = assemble(chain.logits, d_logits, value, f.softmax(0), parameters);
    result.evaluations = samples_;
    return result;
  }

 private:
  int64_t samples_;
};

}  // namespace

std::unique_ptr<Estimator> make_vimco(const EstimatorRequest& request) {
  return std::make_unique<Vimco>(request);
}

}  // namespace vinci::deep
