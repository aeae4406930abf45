// Neural variational inference and learning [Mnih and Gregor 2014]: the score function with a
// baseline network of x and the layers below, centred by a running mean and divided by the running
// standard deviation where that is above 1 [sec. 2.3]. The division keeps the direction in
// expectation, not the length.
#include "deep/estimators/surrogate.h"

namespace vinci::deep {
namespace {

class Nvil : public Estimator {
 public:
  explicit Nvil(const EstimatorRequest& request)
      : samples_(request.config.integer("samples")), moments_(request.parameters, "estimator") {
    const size_t before = request.parameters.trained().size();
    int64_t inputs = request.network.context_width();
    for (const Units& units : request.network.layers()) {
      baselines_.emplace_back(request, "baseline." + std::to_string(baselines_.size() + 1), inputs,
                              Activation::kTanh);
      inputs += units.width();
    }
    own_ = added_since(request.parameters, before);
  }

  Estimate estimate(const StochasticNetwork& network, const Tensor& x,
                    const std::vector<Tensor>& parameters, Noise& noise) override {
    const Chain chain = draw_chains(network, x, samples_, noise);
    const Tensor value = network.value(x, chain.detached());
    const Tensor f = value.detach();
    const Tensor context = network.context(x).detach();
    const Tensor centred = f - moments_.mean();
    const Tensor scale = moments_.variance().sqrt().clamp_min(1) * static_cast<double>(samples_);
    std::vector<Tensor> d_logits;
    Tensor loss;
    for (size_t l = 0; l < chain.values.size(); ++l) {
      const Tensor signal = centred - baselines_[l](surrogate_input(context, {}, chain.values, l));
      const Tensor own = signal.square().mean();
      loss = l == 0 ? own : loss + own;
      d_logits.push_back((signal.detach() / scale).unsqueeze(-1) *
                         (chain.values[l] - chain.means[l]));
    }
    moments_.add(f);
    Estimate result;
    result.gradients = assemble(chain.logits, d_logits, value,
                                at::full_like(f, 1.0 / static_cast<double>(samples_)), parameters);
    result.surrogate_gradients = gradients_of(loss, own_);
    result.bound = f.mean(0);
    result.evaluations = samples_;
    return result;
  }

 private:
  int64_t samples_;
  RunningMoments moments_;
  std::vector<ScalarNetwork> baselines_;
  std::vector<Tensor> own_;
};

}  // namespace

std::unique_ptr<Estimator> make_nvil(const EstimatorRequest& request) {
  return std::make_unique<Nvil>(request);
}

}  // namespace vinci::deep
