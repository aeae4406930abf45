#include "deep/core/tensor.h"

#include <torch/csrc/autograd/autograd.h>

#include "vinci/error.h"

namespace vinci::deep {

at::Device device_named(const std::string& name) {
  const bool cuda = name == "cuda" || name.rfind("cuda:", 0) == 0;
  if (name != "cpu" && !cuda)
    throw Error(
        Error::Kind::kUsage,
        "The device is `" + name + "`; it is cpu, cuda or cuda:N with the number N of a GPU.");
  if (cuda && !at::hasCUDA())
    throw Error(
        Error::Kind::kUsage,
        "The device is `" + name +
            "`, but this libtorch finds no GPU: it was built without CUDA, or the driver is "
            "missing.");
  try {
    const at::Device device(name);
    at::empty({1}, at::TensorOptions().device(device));
    return device;
  } catch (const c10::Error&) {
    throw Error(Error::Kind::kUsage, "The device `" + name + "` cannot be used on this machine.");
  }
}

std::vector<Tensor> gradients_of(const Tensor& loss, const std::vector<Tensor>& parameters,
                                 bool keep_graph) {
  return torch::autograd::grad({loss}, parameters, {}, keep_graph, keep_graph,
                               /*allow_unused=*/true);
}

std::vector<Tensor> weighted_gradients(const std::vector<Tensor>& outputs,
                                       const std::vector<Tensor>& weights,
                                       const std::vector<Tensor>& parameters, bool keep_graph) {
  return torch::autograd::grad(outputs, parameters, weights, keep_graph, keep_graph,
                               /*allow_unused=*/true);
}

WithoutGradient::WithoutGradient() : before_(at::GradMode::is_enabled()) {
  at::GradMode::set_enabled(false);
}
WithoutGradient::~WithoutGradient() { at::GradMode::set_enabled(before_); }

}  // namespace vinci::deep
