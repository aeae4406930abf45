#include "deep/models/networks.h"

namespace vinci::deep {

Normal normal_of(const Tensor& outputs) {
  const auto halves = outputs.chunk(2, -1);
  return {halves[0], halves[1]};
}

NormalNetwork::NormalNetwork(Parameters& parameters, const std::string& hidden_name,
                             const std::string& name, int64_t inputs,
                             const std::vector<int64_t>& widths, int64_t variables,
                             Activation activation, ParameterGroup group, Noise& initial)
    : hidden(parameters, hidden_name, inputs, widths, activation, group, initial),
      outputs(parameters, name, hidden.outputs(), 2 * variables, group, initial) {}

NormalNetwork NormalNetwork::held() const {
  NormalNetwork copy = *this;
  const auto hold = [](Linear& layer) {
    layer.weight = layer.weight.detach();
    layer.bias = layer.bias.detach();
  };
  for (Linear& layer : copy.hidden.layers) hold(layer);
  hold(copy.outputs);
  return copy;
}

Decoder::Decoder(Parameters& parameters, const Config& config, int64_t inputs,
                 const std::vector<int64_t>& hidden, const DataShape& shape, Noise& initial)
    : layers(parameters, "decoder", inputs, {hidden.rbegin(), hidden.rend()},
             activation_named(config.text("activation")), ParameterGroup::kModel, initial),
      likelihood(make_likelihood(config, parameters)) {
  outputs =
      Linear(parameters, "outputs", layers.outputs(),
             likelihood->outputs_per_value() * shape.values(), ParameterGroup::kModel, initial);
  WithoutGradient scope;
  outputs.bias.copy_(likelihood->initial_bias(shape));
}

Setting latent_setting() {
  return {.name = "latent",
          .value = int64_t{50},
          .help = "latent variables",
          .minimum = 1,
          .maximum = 65536};
}

Setting hidden_setting(const std::string& help) {
  return {.name = "hidden",
          .value = std::vector<int64_t>{200, 200},
          .help = help,
          .minimum = 1,
          .maximum = 65536};
}

}  // namespace vinci::deep
