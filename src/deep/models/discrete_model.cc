#include "deep/models/discrete_model.h"

#include "deep/core/functions.h"

namespace vinci::deep {

DiscreteModel::DiscreteModel(const ModelRequest& request, std::vector<Units> layers)
    : Model(Parameters(request.device, request.max_parameters)),
      layers_(std::move(layers)),
      samples_(request.config.integer("samples")),
      iwae_(request.config.text("bound") == "iwae"),
      surrogate_rate_(request.config.number("surrogate-rate")),
      surrogate_warmup_(request.config.integer("surrogate-warmup")) {}

void DiscreteModel::start_estimator(const ModelRequest& request, Noise& initial) {
  network_count_ = parameters_.trained().size();
  estimator_ = make_estimator({request.config, *this, parameters_, initial});
}

std::vector<Tensor> DiscreteModel::network_parameters() const {
  const auto& all = parameters_.trained();
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(network_count_)};
}

StepResult DiscreteModel::gradients(const Batch& batch, Noise& noise, const StepContext& context) {
  kl_weight_ = context.kl_weight;
  Estimate estimate = estimator_->estimate(*this, batch.x, network_parameters(), noise);
  kl_weight_ = 1;
  StepResult result;
  // While KL warms up, the estimator's value is not the bound: draws of its own tell that.
  if (context.kl_weight != 1) {
    const Tensor weights = log_weights(batch, samples_, noise);
    estimate.bound = iwae_ ? log_mean_exp(weights) : weights.mean(0);
  }
  result.bound = estimate.bound.mean().item<double>();
  result.gradients = std::move(estimate.gradients);
  if (context.step < surrogate_warmup_ && !estimate.surrogate_gradients.empty())
    for (Tensor& gradient : result.gradients) gradient = Tensor();
  for (Tensor& gradient : estimate.surrogate_gradients)
    result.gradients.push_back(std::move(gradient));
  result.gradients.resize(parameters_.trained().size());
  return result;
}

std::vector<double> DiscreteModel::learning_rates(double rate) const {
  std::vector<double> rates(parameters_.trained().size(), rate);
  for (size_t i = network_count_; i < rates.size(); ++i) rates[i] *= surrogate_rate_;
  return rates;
}

Tensor DiscreteModel::log_weights(const Batch& batch, int64_t k, Noise& noise) {
  WithoutGradient scope;
  return value(batch.x, draw_chains(*this, batch.x, k, noise));
}

Tensor DiscreteModel::encode(const Batch& batch, Noise&) {
  WithoutGradient scope;
  return mean_of(layers_[0], logits(0, batch.x, {}))[0];
}

Link::Link(Parameters& parameters, const std::string& name, int64_t inputs,
           const std::vector<int64_t>& widths, int64_t width, ParameterGroup group, Noise& initial)
    : hidden(parameters, name, inputs, widths, Activation::kTanh, group, initial),
      outputs(parameters, name + ".outputs", hidden.outputs(), width, group, initial) {}

std::vector<Setting> discrete_settings(int64_t layers, int64_t units) {
  return {
      {.name = "layers", .value = layers, .help = "stochastic layers", .minimum = 1, .maximum = 3},
      {.name = "units",
       .value = units,
       .help = "variables of a layer",
       .minimum = 1,
       .maximum = 65536},
      {.name = "states",
       .value = int64_t{2},
       .help = "values of a variable",
       .minimum = 2,
       .maximum = 4096},
      {.name = "nonlinear",
       .value = false,
       .help = "hidden layers of tanh between the stochastic ones"},
      {.name = "hidden",
       .value = std::vector<int64_t>{200, 200},
       .help = "their widths",
       .minimum = 1,
       .maximum = 65536},
  };
}

std::vector<Units> layers_of(const Config& config) {
  return std::vector<Units>(static_cast<size_t>(config.integer("layers")),
                            {config.integer("units"), config.integer("states")});
}

std::vector<int64_t> hidden_of(const Config& config) {
  return config.flag("nonlinear") ? config.integers("hidden") : std::vector<int64_t>{};
}

}  // namespace vinci::deep
