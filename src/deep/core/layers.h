// Layers: small structs that hold their parameters and are called like functions.
#pragma once

#include "deep/core/config.h"
#include "deep/core/parameters.h"

namespace vinci::deep {

enum class Activation : uint8_t { kTanh, kRelu, kLeakyRelu, kSoftplus, kElu };
Activation activation_named(const std::string& name);
/// The setting `activation`, whose choices are the names.
Setting activation_setting();
Tensor activate(const Tensor& x, Activation activation);

/// y = x W' + b. Weights start uniform on +-sqrt(6 / (inputs + outputs)), biases at 0.
/// [Glorot and Bengio 2010, eq. (16)]
struct Linear {
  Linear() = default;
  Linear(Parameters& parameters, const std::string& name, int64_t inputs, int64_t outputs,
         ParameterGroup group, Noise& initial);
  Tensor operator()(const Tensor& x) const { return at::linear(x, weight, bias); }

  Tensor weight;  // [outputs, inputs]
  Tensor bias;    // [outputs]
};

/// Linear layers with an activation after each, the last one included.
struct Mlp {
  Mlp() = default;
  /// widths: of the outputs of each layer.
  Mlp(Parameters& parameters, const std::string& name, int64_t inputs,
      const std::vector<int64_t>& widths, Activation activation, ParameterGroup group,
      Noise& initial);
  Tensor operator()(Tensor x) const;
  int64_t outputs() const { return outputs_; }

  std::vector<Linear> layers;
  Activation activation = Activation::kTanh;

 private:
  int64_t outputs_ = 0;
};

/// A convolution over [B, C, H, W]; weights as for Linear with fans of inputs * size^2.
struct Convolution {
  Convolution() = default;
  Convolution(Parameters& parameters, const std::string& name, int64_t inputs, int64_t outputs,
              int64_t size, int64_t stride, int64_t padding, ParameterGroup group, Noise& initial,
              double gain = 1);
  Tensor operator()(const Tensor& x) const;

  Tensor weight;  // [outputs, inputs, size, size]
  Tensor bias;
  int64_t stride = 1;
  int64_t padding = 0;
};

/// The transpose of a strided convolution: larger images.
struct TransposedConvolution {
  TransposedConvolution() = default;
  TransposedConvolution(Parameters& parameters, const std::string& name, int64_t inputs,
                        int64_t outputs, int64_t size, int64_t stride, int64_t padding,
                        ParameterGroup group, Noise& initial);
  Tensor operator()(const Tensor& x) const;

  Tensor weight;  // [inputs, outputs, size, size]
  Tensor bias;
  int64_t stride = 1;
  int64_t padding = 0;
};

}  // namespace vinci::deep
