// Files of named tensors with a header in JSON: the model files of `vinci deep`.
//
//     "vincideep" and a byte 0x0a, version (u16), bytes of the header (u32), its CRC-32 (u32)
//     header: JSON {kind, config, shape, training, tensors: [{name, type, sizes, crc}]}
//     the numbers of each tensor, little endian, in the order of the header
//
// Reading runs nothing: a file names a kind of model that the program knows.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vinci::dataset {

enum class TensorType : uint8_t { kFloat32, kFloat64, kInt64 };
size_t size_of(TensorType type);

struct NamedTensor {
  std::string name;
  TensorType type = TensorType::kFloat32;
  std::vector<int64_t> sizes;
  std::string bytes;  ///< as many as the sizes say

  size_t num_elements() const { return bytes.size() / size_of(type); }
};

struct TensorFile {
  std::string kind;
  std::string config;                        ///< JSON of the settings
  std::array<int64_t, 4> shape{1, 1, 1, 0};  ///< of the images: channels, height, width, labels
  std::string training;                      ///< JSON of the state of a run; "" in a finished model
  std::vector<NamedTensor> tensors;

  /// The tensor of that name, or null.
  const NamedTensor* find(std::string_view name) const;
};

/// Whether the bytes begin as such a file does.
bool is_tensor_file(std::string_view bytes);
std::string tensor_file_bytes(const TensorFile& file);
/// Throws Error(kInput), a sentence about `name`, with the place where the bytes are damaged. Sides
/// of images are 1 to 65,536.
TensorFile parse_tensor_file(std::string_view bytes, const std::string& name);

}  // namespace vinci::dataset
