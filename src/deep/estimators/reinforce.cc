// The score-function estimator [Williams 1992; Paisley, Blei, Jordan 2012; Ranganath, Gerrish, Blei
// 2014]: f times the score, b - E[b] in terms of logits. Baselines: a running mean, or the mean of
// the other draws [Kool, van Hoof, Welling 2019, eq. (8)].
#include "deep/estimators/estimator.h"

namespace vinci::deep {
namespace {

/// Both need the value at n chains and turn it into advantages [n, B].
class ScoreFunction : public Estimator {
 public:
  explicit ScoreFunction(int64_t samples) : samples_(samples) {}

  Estimate estimate(const StochasticNetwork& network, const Tensor& x,
                    const std::vector<Tensor>& parameters, Noise& noise) override {
    const Chain chain = draw_chains(network, x, samples_, noise);
    const Tensor value = network.value(x, chain.detached());
    const Tensor f = value.detach();
    const double share = 1.0 / static_cast<double>(samples_);
    const Tensor weight = (advantages(f) * share).unsqueeze(-1);
    std::vector<Tensor> d_logits;
    for (size_t l = 0; l < chain.values.size(); ++l)
      d_logits.push_back(weight * (chain.values[l] - chain.means[l]));
    Estimate result;
    result.gradients = assemble(chain.logits, d_logits, value, at::full_like(f, share), parameters);
    result.bound = f.mean(0);
    result.evaluations = samples_;
    return result;
  }

 protected:
  virtual Tensor advantages(const Tensor& f) = 0;

 private:
  int64_t samples_;
};

class RunningBaseline : public ScoreFunction {
 public:
  explicit RunningBaseline(const EstimatorRequest& request)
      : ScoreFunction(request.config.integer("samples")),
        moments_(request.parameters, "estimator") {}

 private:
  Tensor advantages(const Tensor& f) override {
    // The mean before this step: a baseline may not depend on the draws that it is taken from.
    const Tensor advantage = f - moments_.mean();
    moments_.add(f);
    return advantage;
  }
  RunningMoments moments_;
};

class LeaveOneOut : public ScoreFunction {
 public:
  using ScoreFunction::ScoreFunction;

 private:
  Tensor advantages(const Tensor& f) override { return f - mean_of_others(f); }
};

}  // namespace

std::unique_ptr<Estimator> make_reinforce(const EstimatorRequest& request) {
  return std::make_unique<RunningBaseline>(request);
}
std::unique_ptr<Estimator> make_reinforce_loo(const EstimatorRequest& request) {
  return std::make_unique<LeaveOneOut>(request.config.integer("samples"));
}

}  // namespace vinci::deep
