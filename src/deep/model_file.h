// Model files: what a model is made from, its numbers, and, in checkpoints, the state of its
// training; as tensors of this program. dataset/tensor_file.h has the format.
#pragma once

#include <memory>
#include <string_view>

#include "deep/models/model.h"

namespace vinci::deep {

struct ModelFile {
  std::string kind;
  std::string config;    ///< JSON of the settings
  DataShape shape;       ///< without the mean
  std::string training;  ///< JSON of the state of a run; "" in a finished model
  std::vector<std::pair<std::string, Tensor>> tensors;

  /// The tensor of that name, or null.
  const Tensor* find(std::string_view name) const;
};

/// Written whole or not at all. Throws Error(kIo).
void write_model_file(const std::string& path, const ModelFile& file);
/// Throws Error(kIo) where the file cannot be read, Error(kInput) with the place where it is
/// damaged.
ModelFile read_model_file(const std::string& path);
std::string model_file_bytes(const ModelFile& file);
ModelFile parse_model_file(std::string_view bytes, const std::string& name);

/// A file of the model as it is: kind, settings, shape, parameters and buffers.
ModelFile file_of(const std::string& kind, const Config& config, const DataShape& shape,
                  const Model& model);

/// The configuration of a file: the settings of its kind and, where the file has them, of training.
Config config_of(const ModelFile& file);
/// The model of a file with its numbers. `prefix`: the set of tensors, "model/" or "best/".
std::unique_ptr<Model> build_model(const ModelFile& file, at::Device device,
                                   const std::string& prefix = "model/");
/// Copies tensors `prefix` + name into the model's parameters and buffers of that name. Throws
/// Error(kInput) where one is missing or of another size.
void load_tensors(const ModelFile& file, const std::string& prefix, Model& model);

}  // namespace vinci::deep
