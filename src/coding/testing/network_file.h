// Layers of networks in files of `vinci deep`, for tests of what reads them.
#pragma once

#include <span>
#include <string>

#include "dataset/tensor_file.h"

namespace vinci::coding::testing {

/// weight: [outputs][inputs]; bias: [outputs].
inline void add_layer(dataset::TensorFile& file, const std::string& name,
                      std::span<const float> weight, std::span<const float> bias) {
  const auto outputs = static_cast<int64_t>(bias.size());
  const auto put = [&](const std::string& part, std::vector<int64_t> sizes,
                       std::span<const float> values) {
    file.tensors.push_back({"model/" + name + part,
                            dataset::TensorType::kFloat32,
                            std::move(sizes),
                            {reinterpret_cast<const char*>(values.data()), values.size_bytes()}});
  };
  put(".weight", {outputs, static_cast<int64_t>(weight.size()) / outputs}, weight);
  put(".bias", {outputs}, bias);
}

}  // namespace vinci::coding::testing
