// Multilayer perceptrons for flows and semi-implicit families: small, dense, batched over lanes.
// Heavy header (Eigen): for .cc files of infer/ only.
#pragma once

#include <span>
#include <vector>

#include "infer/dense.h"
#include "numeric/random/philox.h"

namespace vinci::infer {

enum class Activation { kRelu, kLeakyRelu, kTanh, kSoftplus };

/// y = W_L a(... a(W_1 x + b_1) ...) + b_L. Parameters are one flat vector owned by the caller:
/// W_1 (row-major), b_1, W_2, .... Inputs and outputs are [width][lanes].
class Mlp {
 public:
  /// widths: input, hidden ..., output; at least two.
  Mlp(std::vector<Index> widths, Activation hidden);

  Index num_inputs() const { return widths_.front(); }
  Index num_outputs() const { return widths_.back(); }
  Index num_params() const { return num_params_; }

  /// Weights uniform with variance 1 / fan-in, biases zero; those of the last layer times
  /// `last_scale`, so that a small one starts the output near zero.
  void initialise(numeric::RandomKey key, double last_scale, std::span<double> params) const;

  /// Values of every layer, input included, for `backward`.
  using Tape = std::vector<Matrix>;
  /// Returns the output; it is also tape.back().
  const Matrix& forward(std::span<const double> params, const Matrix& x, Tape& tape) const;
  /// gradient[num_params] += sum over lanes of adjoint' dy/dparams; adjoint_x (may be null) =
  /// adjoint' dy/dx, not the same memory as `adjoint`. An empty gradient is not wanted. Cost: twice
  /// that of `forward`, once without the gradient.
  void backward(std::span<const double> params, const Tape& tape, const Matrix& adjoint,
                Matrix* adjoint_x, std::span<double> gradient) const;

 private:
  std::vector<Index> widths_;
  Activation hidden_;
  Index num_params_ = 0;
};

}  // namespace vinci::infer
