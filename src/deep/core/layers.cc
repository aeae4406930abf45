#include "deep/core/layers.h"

#include <cmath>

#include "base/check.h"

namespace vinci::deep {
namespace {

struct ActivationName {
  const char* name;
  Activation activation;
};
constexpr ActivationName kActivations[] = {{"tanh", Activation::kTanh},
                                           {"relu", Activation::kRelu},
                                           {"leaky-relu", Activation::kLeakyRelu},
                                           {"softplus", Activation::kSoftplus},
                                           {"elu", Activation::kElu}};

/// Uniform on +-gain sqrt(6 / (fan_in + fan_out)).
Tensor glorot(Parameters& parameters, at::IntArrayRef sizes, int64_t fan_in, int64_t fan_out,
              Noise& initial, double gain = 1) {
  parameters.reserve(sizes);
  const double bound = gain * std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
  return (initial.uniform(sizes) * 2 - 1) * bound;
}

}  // namespace

Activation activation_named(const std::string& name) {
  for (const ActivationName& known : kActivations)
    if (name == known.name) return known.activation;
  VINCI_CHECK(false);  // a setting holds one of its choices
}

Setting activation_setting() {
  Setting setting{
      .name = "activation", .value = std::string("tanh"), .help = "of the hidden layers"};
  for (const ActivationName& known : kActivations) setting.choices.emplace_back(known.name);
  return setting;
}

Tensor activate(const Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kTanh:
      return x.tanh();
    case Activation::kRelu:
      return x.relu();
    case Activation::kLeakyRelu:
      return at::leaky_relu(x, 0.3);
    case Activation::kSoftplus:
      return at::softplus(x);
    case Activation::kElu:
      return at::elu(x);
  }
  return x;
}

Linear::Linear(Parameters& parameters, const std::string& name, int64_t inputs, int64_t outputs,
               ParameterGroup group, Noise& initial)
    : weight(parameters.add(name + ".weight",
                            glorot(parameters, {outputs, inputs}, inputs, outputs, initial),
                            group)),
      bias(parameters.add(name + ".bias", at::zeros({outputs}), group)) {}

Mlp::Mlp(Parameters& parameters, const std::string& name, int64_t inputs,
         const std::vector<int64_t>& widths, Activation chosen, ParameterGroup group,
         Noise& initial)
    : activation(chosen), outputs_(inputs) {
  for (const int64_t width : widths) {
    layers.emplace_back(parameters, name + "." + std::to_string(layers.size()), outputs_, width,
                        group, initial);
    outputs_ = width;
  }
}

Tensor Mlp::operator()(Tensor x) const {
  for (const Linear& layer : layers) x = activate(layer(x), activation);
  return x;
}

Convolution::Convolution(Parameters& parameters, const std::string& name, int64_t inputs,
                         int64_t outputs, int64_t size, int64_t stride_of, int64_t padding_of,
                         ParameterGroup group, Noise& initial, double gain)
    : weight(parameters.add(name + ".weight",
                            glorot(parameters, {outputs, inputs, size, size}, inputs * size * size,
                                   outputs * size * size, initial, gain),
                            group)),
      bias(parameters.add(name + ".bias", at::zeros({outputs}), group)),
      stride(stride_of),
      padding(padding_of) {}

Tensor Convolution::operator()(const Tensor& x) const {
  return at::conv2d(x, weight, bias, {stride, stride}, at::IntArrayRef({padding, padding}));
}

TransposedConvolution::TransposedConvolution(Parameters& parameters, const std::string& name,
                                             int64_t inputs, int64_t outputs, int64_t size,
                                             int64_t stride_of, int64_t padding_of,
                                             ParameterGroup group, Noise& initial)
    : weight(parameters.add(name + ".weight",
                            glorot(parameters, {inputs, outputs, size, size}, inputs * size * size,
                                   outputs * size * size, initial),
                            group)),
      bias(parameters.add(name + ".bias", at::zeros({outputs}), group)),
      stride(stride_of),
      padding(padding_of) {}

Tensor TransposedConvolution::operator()(const Tensor& x) const {
  return at::conv_transpose2d(x, weight, bias, {stride, stride}, {padding, padding});
}

}  // namespace vinci::deep
