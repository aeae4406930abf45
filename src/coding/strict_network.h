// Networks whose every bit is defined: sums of products of floats in a fixed order, activations
// from strict_math.h. What an encoder computes on one machine a decoder computes on any other,
// whatever its instruction set and number of threads, so that nothing has to be rounded to a grid
// or corrected.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vinci::coding {

/// As in `vinci deep`: tanh, relu, leaky-relu (slope 0.3 below 0), softplus, elu.
enum class StrictActivation : uint8_t { kTanh, kRelu, kLeakyRelu, kSoftplus, kElu };
/// Whether the name is known; sets `activation` if it is.
bool strict_activation_named(const std::string& name, StrictActivation& activation);
float strict_activate(float x, StrictActivation activation);

/// y = W x + b.
class StrictLayer {
 public:
  /// weight: [outputs][inputs]; bias: [outputs].
  StrictLayer(std::span<const float> weight, std::span<const float> bias);

  size_t inputs() const { return inputs_; }
  size_t outputs() const { return outputs_; }
  /// y_j = b_j + sum_i w_ji x_i, rounded to float after each product and sum, i ascending; inputs
  /// that are 0 are left out. O(nonzero inputs * outputs), reads each weight once.
  void apply(std::span<const float> x, std::vector<float>& y) const;

 private:
  size_t inputs_;
  size_t outputs_;
  std::vector<float> weights_;  // [panel of kPanelWidth outputs][input][output of the panel]
  std::vector<float> bias_;     // [panel][output of the panel]
};

/// Layers with an activation after each but the last.
class StrictNetwork {
 public:
  StrictNetwork() = default;
  /// The outputs of a layer are the inputs of the next; at least one layer.
  StrictNetwork(std::vector<StrictLayer> layers, StrictActivation activation);

  size_t inputs() const { return layers_.front().inputs(); }
  size_t outputs() const { return layers_.back().outputs(); }
  std::vector<float> operator()(std::span<const float> x) const;

 private:
  std::vector<StrictLayer> layers_;
  StrictActivation activation_ = StrictActivation::kTanh;
};

}  // namespace vinci::coding
