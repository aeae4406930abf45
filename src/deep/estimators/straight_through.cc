// Straight-through [Bengio, Leonard, Courville 2013]: the draw on the way there, its mean on the
// way back. Biased.
#include "deep/core/functions.h"
#include "deep/estimators/pathwise.h"

namespace vinci::deep {
namespace {

class StraightThrough : public Pathwise {
 public:
  using Pathwise::Pathwise;

 private:
  Chain relaxed_chain(const StochasticNetwork& network, const Tensor& x, int64_t n,
                      Noise& noise) override {
    const auto layers = network.layers();
    Chain chain;
    Tensor below;
    for (size_t l = 0; l < layers.size(); ++l) {
      chain.logits.push_back(network.logits(l, x, below));
      const Tensor mean = mean_of(layers[l], chain.logits.back());
      const Tensor hard =
          draw(layers[l], mean.detach(), noise.uniform({n, x.size(0), layers[l].count}));
      below = hard + (mean - mean.detach());
      chain.values.push_back(below);
    }
    return chain;
  }
};

}  // namespace

std::unique_ptr<Estimator> make_straight_through(const EstimatorRequest& request) {
  return std::make_unique<StraightThrough>(request);
}

}  // namespace vinci::deep
