// Tensors are libtorch's. This header is the one door to it: it takes seconds to compile, so that
// what needs no tensors does not include it.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vinci::deep {

using at::Tensor;

/// "cpu", "cuda" or "cuda:1". Throws Error(kUsage) where the library or machine lacks the device.
at::Device device_named(const std::string& name);

/// The gradients of the scalar `loss` with respect to `parameters`, undefined where it does not
/// depend on one. `keep_graph` keeps what is needed to differentiate again, also the gradients
/// themselves.
std::vector<Tensor> gradients_of(const Tensor& loss, const std::vector<Tensor>& parameters,
                                 bool keep_graph = false);

/// sum_i <weights_i, d outputs_i / d parameters>, undefined where no output depends on one;
/// weights_i has the shape of outputs_i. With `keep_graph` as above.
std::vector<Tensor> weighted_gradients(const std::vector<Tensor>& outputs,
                                       const std::vector<Tensor>& weights,
                                       const std::vector<Tensor>& parameters,
                                       bool keep_graph = false);

/// Switches recording for derivatives off in a scope.
class WithoutGradient {
 public:
  WithoutGradient();
  ~WithoutGradient();
  WithoutGradient(const WithoutGradient&) = delete;
  WithoutGradient& operator=(const WithoutGradient&) = delete;

 private:
  bool before_;
};

}  // namespace vinci::deep
