// Stochastic optimisers over the parameters of a model.
#pragma once

#include <memory>

#include "deep/core/config.h"
#include "deep/core/parameters.h"

namespace vinci::deep {

/// Minimises. State tensors are named, so that a checkpoint can hold them.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// One step: gradients as in StepResult; where one is undefined its parameter stays. `scale`
  /// multiplies the gradients (clipping), `learning_rates[i]` belongs to parameter i.
  virtual void step(const std::vector<Tensor>& gradients, const std::vector<double>& learning_rates,
                    double scale) = 0;
  /// What has to be kept to continue; changed in place by `step`.
  virtual std::vector<std::pair<std::string, Tensor>> state() = 0;
};

/// The settings `optimizer`, `beta1`, `beta2`, `epsilon`, `momentum`, `weight-decay`.
std::span<const Setting> optimizer_settings();

/// Adam [Kingma and Ba 2014], stochastic gradient descent with momentum [Polyak 1964], RMSProp
/// [Tieleman and Hinton 2012] or AdaGrad [Duchi, Hazan, Singer 2011]; the penalty weight-decay / 2
/// |w|^2 is added to the loss.
std::unique_ptr<Optimizer> make_optimizer(const Config& config, const Parameters& parameters);

/// sqrt(sum of squares) over all gradients: NaN or infinite where one is.
double gradient_norm(const std::vector<Tensor>& gradients);

}  // namespace vinci::deep
