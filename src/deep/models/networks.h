// The two networks that autoencoders with normal variables are made of: from a value to a diagonal
// normal, and from a code to the distribution of an image.
#pragma once

#include "deep/core/layers.h"
#include "deep/models/model.h"

namespace vinci::deep {

/// N(mean, diag exp(log_scale)^2); both of one shape.
struct Normal {
  Tensor mean;
  Tensor log_scale;

  /// mean + scale eps, eps broadcast.
  Tensor at(const Tensor& eps) const { return mean + log_scale.exp() * eps; }
  Tensor draw(Noise& noise) const { return at(noise.normal(mean.sizes())); }
};

/// From outputs [..., 2 L]: means, then log scales.
Normal normal_of(const Tensor& outputs);

/// A diagonal normal that hidden layers compute from a value.
struct NormalNetwork {
  NormalNetwork() = default;
  /// `hidden_name`, `name`: of the hidden layers and the last one among the parameters.
  NormalNetwork(Parameters& parameters, const std::string& hidden_name, const std::string& name,
                int64_t inputs, const std::vector<int64_t>& widths, int64_t variables,
                Activation activation, ParameterGroup group, Noise& initial);
  Normal operator()(const Tensor& given) const { return normal_of(outputs(hidden(given))); }
  /// The same function with its numbers held fixed.
  NormalNetwork held() const;

  Mlp hidden;
  Linear outputs;
};

/// p(x | code): hidden layers, outputs and a likelihood.
struct Decoder {
  Decoder() = default;
  /// `hidden`: widths of the encoder's layers, mirrored here. `shape`: of what is decoded.
  Decoder(Parameters& parameters, const Config& config, int64_t inputs,
          const std::vector<int64_t>& hidden, const DataShape& shape, Noise& initial);
  /// [..., B].
  Tensor log_density(const Tensor& code, const Tensor& x) const {
    return likelihood->log_density(outputs(layers(code)), x);
  }
  /// [..., B, D].
  Tensor mean(const Tensor& code) const { return likelihood->mean(outputs(layers(code))); }

  Mlp layers;
  Linear outputs;
  std::unique_ptr<Likelihood> likelihood;
};

/// The settings of single networks that several kinds have.
Setting latent_setting();
Setting hidden_setting(const std::string& help);

}  // namespace vinci::deep
