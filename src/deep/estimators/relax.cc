// RELAX [Grathwohl, Choi, Wu, Roeder, Duvenaud 2018]: REBAR's control variate plus a free network
// of x, z and the layers below, learned like it by the mean square of the estimate. Unbiased
// whatever the network.
#include "deep/estimators/rebar.h"
#include "deep/estimators/surrogate.h"

namespace vinci::deep {
namespace {

class Relax : public ReparameterisedControl {
 public:
  explicit Relax(const EstimatorRequest& request) : ReparameterisedControl(request) {
    const size_t before = request.parameters.trained().size();
    int64_t inputs = request.network.context_width();
    for (const Units& units : request.network.layers()) {
      inputs += units.width();
      networks_.emplace_back(request, "surrogate." + std::to_string(networks_.size() + 1), inputs,
                             Activation::kRelu);
    }
    for (const Tensor& t : added_since(request.parameters, before)) own_.push_back(t);
  }

 private:
  Tensor surrogate(size_t layer, const Tensor& context, const Tensor& z,
                   const std::vector<Tensor>& values) const override {
    return networks_[layer](surrogate_input(context, z, values, layer));
  }
  std::vector<ScalarNetwork> networks_;
};

}  // namespace

std::unique_ptr<Estimator> make_relax(const EstimatorRequest& request) {
  return std::make_unique<Relax>(request);
}

}  // namespace vinci::deep
