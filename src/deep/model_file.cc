#include "deep/model_file.h"

#include <fmt/format.h>

#include <cstring>

#include "dataset/tensor_file.h"
#include "deep/train/settings.h"
#include "draws/atomic_file.h"
#include "source/mapped_file.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

using dataset::TensorType;

struct TypePair {
  at::ScalarType here;
  TensorType stored;
};
constexpr TypePair kTypes[] = {{at::kFloat, TensorType::kFloat32},
                               {at::kDouble, TensorType::kFloat64},
                               {at::kLong, TensorType::kInt64}};

dataset::NamedTensor stored(const std::string& name, const Tensor& given) {
  const Tensor tensor = given.detach().to(at::kCPU).contiguous();
  for (const TypePair& pair : kTypes)
    if (pair.here == tensor.scalar_type())
      return {name,
              pair.stored,
              tensor.sizes().vec(),
              {static_cast<const char*>(tensor.data_ptr()), static_cast<size_t>(tensor.nbytes())}};
  throw Error(Error::Kind::kUsage, "A tensor of this type cannot be written.");
}

Tensor restored(const dataset::NamedTensor& tensor) {
  Tensor value;
  for (const TypePair& pair : kTypes)
    if (pair.stored == tensor.type) value = at::empty(tensor.sizes, pair.here);
  if (!tensor.bytes.empty())
    std::memcpy(value.data_ptr(), tensor.bytes.data(), tensor.bytes.size());
  return value;
}

}  // namespace

const Tensor* ModelFile::find(std::string_view name) const {
  for (const auto& [own, value] : tensors)
    if (own == name) return &value;
  return nullptr;
}

std::string model_file_bytes(const ModelFile& file) {
  dataset::TensorFile out;
  out.kind = file.kind;
  out.config = file.config;
  out.shape = {file.shape.channels, file.shape.height, file.shape.width, file.shape.labels};
  out.training = file.training;
  for (const auto& [name, value] : file.tensors) out.tensors.push_back(stored(name, value));
  return dataset::tensor_file_bytes(out);
}

void write_model_file(const std::string& path, const ModelFile& file) {
  const std::string bytes = model_file_bytes(file);
  draws::write_file_atomically(path, [&](draws::FileWriter& out) { out.write(bytes); });
}

ModelFile parse_model_file(std::string_view bytes, const std::string& name) {
  const dataset::TensorFile in = dataset::parse_tensor_file(bytes, name);
  ModelFile file;
  file.kind = in.kind;
  file.config = in.config;
  file.shape = {in.shape[0], in.shape[1], in.shape[2], in.shape[3], Tensor()};
  file.training = in.training;
  for (const dataset::NamedTensor& tensor : in.tensors)
    file.tensors.emplace_back(tensor.name, restored(tensor));
  return file;
}

ModelFile read_model_file(const std::string& path) {
  source::ReadStatus status{};
  std::string reason;
  const auto mapped = source::MappedFile::open(path, status, reason);
  if (mapped == nullptr)
    throw Error(Error::Kind::kIo, fmt::format("{} cannot be read: {}.", path, reason));
  return parse_model_file(mapped->bytes(), path);
}

ModelFile file_of(const std::string& kind, const Config& config, const DataShape& shape,
                  const Model& model) {
  ModelFile file;
  file.kind = kind;
  file.config = config.json();
  file.shape = shape;
  file.shape.mean = Tensor();
  for (const Parameter& parameter : model.parameters().all())
    file.tensors.emplace_back("model/" + parameter.name, parameter.value);
  return file;
}

Config config_of(const ModelFile& file) {
  Config config;
  config.declare(model_kind(file.kind).settings);
  config.declare(training_settings());
  config.read_json(file.config, "the model file");
  return config;
}

void load_tensors(const ModelFile& file, const std::string& prefix, Model& model) {
  WithoutGradient scope;
  for (const Parameter& parameter : model.parameters().all()) {
    const Tensor* found = file.find(prefix + parameter.name);
    if (found == nullptr)
      throw Error(Error::Kind::kInput,
                  fmt::format("The model file lacks the numbers of `{}`.", parameter.name));
    if (found->sizes() != parameter.value.sizes() ||
        found->scalar_type() != parameter.value.scalar_type())
      throw Error(Error::Kind::kInput,
                  fmt::format("In the model file `{}` has another size than its settings say.",
                              parameter.name));
    Tensor target = parameter.value;
    target.copy_(*found);
  }
}

std::unique_ptr<Model> build_model(const ModelFile& file, at::Device device,
                                   const std::string& prefix) {
  int64_t numbers = 0;
  for (const auto& entry : file.tensors) numbers += entry.second.numel();
  const Config config = config_of(file);
  ModelRequest request{config, file.shape, 1, device, numbers};
  auto model = model_kind(file.kind).make(request);
  load_tensors(file, prefix, *model);
  return model;
}

}  // namespace vinci::deep
