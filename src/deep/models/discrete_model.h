// What models with discrete latent variables share: training by an estimator of estimators/, and
// the weights of importance sampling.
#pragma once

#include "deep/core/layers.h"
#include "deep/estimators/estimator.h"
#include "deep/models/model.h"

namespace vinci::deep {

class DiscreteModel : public Model, public StochasticNetwork {
 public:
  StepResult gradients(const Batch& batch, Noise& noise, const StepContext& context) override;
  std::vector<double> learning_rates(double rate) const override;
  Tensor log_weights(const Batch& batch, int64_t k, Noise& noise) override;
  /// E[b_1 | x].
  Tensor encode(const Batch& batch, Noise& noise) override;

  std::span<const Units> layers() const override { return layers_; }
  /// Parameters of the network alone: the first ones of the model.
  std::vector<Tensor> network_parameters() const;

 protected:
  DiscreteModel(const ModelRequest& request, std::vector<Units> layers);
  /// To be called when the network has its parameters.
  void start_estimator(const ModelRequest& request, Noise& initial);

  double kl_weight_ = 1;  ///< of log q(b | x) - log p(b) in the value

 private:
  std::vector<Units> layers_;
  std::unique_ptr<Estimator> estimator_;
  size_t network_count_ = 0;  ///< parameters of the network
  int64_t samples_;
  bool iwae_;
  double surrogate_rate_;
  int64_t surrogate_warmup_;
};

/// A layer that computes logits or pixels from x or from another layer: linear, or with hidden
/// layers of tanh before.
struct Link {
  Link() = default;
  Link(Parameters& parameters, const std::string& name, int64_t inputs,
       const std::vector<int64_t>& hidden, int64_t outputs, ParameterGroup group, Noise& initial);
  Tensor operator()(const Tensor& x) const { return outputs(hidden(x)); }

  Mlp hidden;
  Linear outputs;
};

/// The settings `layers`, `units`, `states`, `nonlinear`, `hidden`.
std::vector<Setting> discrete_settings(int64_t layers, int64_t units);
std::vector<Units> layers_of(const Config& config);
/// Widths of the hidden layers of a Link: none where it is linear.
std::vector<int64_t> hidden_of(const Config& config);

}  // namespace vinci::deep
