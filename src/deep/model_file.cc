#include "deep/model_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "deep/train/settings.h"
#include "draws/atomic_file.h"
#include "source/mapped_file.h"
#include "vinci/error.h"

namespace vinci::deep {
namespace {

using Json = nlohmann::ordered_json;
static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "vincideep\n";
constexpr uint16_t kVersion = 1;
constexpr size_t kFixedBytes = kMagic.size() + sizeof(uint16_t) + 2 * sizeof(uint32_t);

struct TypeName {
  at::ScalarType type;
  const char* name;
};
constexpr TypeName kTypes[] = {
    {at::kFloat, "float32"}, {at::kDouble, "float64"}, {at::kLong, "int64"}};

const char* name_of(at::ScalarType type) {
  for (const TypeName& known : kTypes)
    if (known.type == type) return known.name;
  throw Error(Error::Kind::kUsage, "A tensor of this type cannot be written.");
}

uint32_t crc_of(std::string_view bytes) {
  uLong crc = crc32(0, nullptr, 0);
  for (size_t start = 0; start < bytes.size(); start += size_t{1} << 30) {
    const std::string_view piece = bytes.substr(start, size_t{1} << 30);
    crc = crc32(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
  }
  return static_cast<uint32_t>(crc);
}

std::string_view bytes_of(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.data_ptr()), static_cast<size_t>(tensor.nbytes())};
}

template <typename T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}
template <typename T>
T get(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

Tensor plain(const Tensor& tensor) { return tensor.detach().to(at::kCPU).contiguous(); }

}  // namespace

const Tensor* ModelFile::find(std::string_view name) const {
  for (const auto& [own, value] : tensors)
    if (own == name) return &value;
  return nullptr;
}

std::string model_file_bytes(const ModelFile& file) {
  Json header;
  header["kind"] = file.kind;
  header["config"] = Json::parse(file.config);
  header["shape"] = {file.shape.channels, file.shape.height, file.shape.width, file.shape.labels};
  if (!file.training.empty()) header["training"] = Json::parse(file.training);
  header["tensors"] = Json::array();
  std::vector<Tensor> tensors;
  for (const auto& [name, value] : file.tensors) {
    tensors.push_back(plain(value));
    header["tensors"].push_back({{"name", name},
                                 {"type", name_of(value.scalar_type())},
                                 {"sizes", value.sizes().vec()},
                                 {"crc", crc_of(bytes_of(tensors.back()))}});
  }
  const std::string text = header.dump();
  std::string out(kMagic);
  put(out, kVersion);
  put(out, static_cast<uint32_t>(text.size()));
  put(out, crc_of(text));
  out += text;
  for (const Tensor& tensor : tensors) out += bytes_of(tensor);
  return out;
}

void write_model_file(const std::string& path, const ModelFile& file) {
  const std::string bytes = model_file_bytes(file);
  draws::write_file_atomically(path, [&](draws::FileWriter& out) { out.write(bytes); });
}

ModelFile parse_model_file(std::string_view bytes, const std::string& name) {
  const auto damaged = [&](const std::string& what) {
    return Error(Error::Kind::kInput, fmt::format("{} is damaged: {}.", name, what));
  };
  if (bytes.substr(0, kMagic.size()) != kMagic)
    throw Error(
        Error::Kind::kInput,
        fmt::format("{} is not a model of `vinci deep`: it does not begin with the words of "
                    "that format.",
                    name));
  if (bytes.size() < kFixedBytes) throw damaged("it ends within its first bytes");
  const auto version = get<uint16_t>(bytes, kMagic.size());
  if (version != kVersion)
    throw Error(
        Error::Kind::kInput,
        fmt::format("{} has version {} of the format of models; this program reads version {}.",
                    name, version, kVersion));
  const auto header_bytes = get<uint32_t>(bytes, kMagic.size() + 2);
  const auto header_crc = get<uint32_t>(bytes, kMagic.size() + 6);
  if (header_bytes > bytes.size() - kFixedBytes) throw damaged("it ends within its header");
  const std::string_view text = bytes.substr(kFixedBytes, header_bytes);
  if (crc_of(text) != header_crc) throw damaged("the checksum of its header does not fit");

  ModelFile file;
  size_t at = kFixedBytes + header_bytes;
  try {
    const Json header = Json::parse(text);
    file.kind = header.at("kind").get<std::string>();
    file.config = header.at("config").dump();
    const auto shape = header.at("shape").get<std::vector<int64_t>>();
    for (const int64_t side : shape)
      if (side < 0 || side > 65536) throw damaged("a side of its images is out of range");
    if (shape.size() != 4 || shape[0] < 1 || shape[1] < 1 || shape[2] < 1)
      throw damaged("it does not say of which shape its images are");
    file.shape = {shape[0], shape[1], shape[2], shape[3], Tensor()};
    if (header.contains("training")) file.training = header.at("training").dump();
    for (const Json& entry : header.at("tensors")) {
      const auto tensor_name = entry.at("name").get<std::string>();
      const auto type_name = entry.at("type").get<std::string>();
      const auto sizes = entry.at("sizes").get<std::vector<int64_t>>();
      at::ScalarType type = at::kByte;
      for (const TypeName& known : kTypes)
        if (type_name == known.name) type = known.type;
      if (type == at::kByte)
        throw damaged(fmt::format("tensor `{}` has the type `{}`", tensor_name, type_name));
      double count = 1;
      for (const int64_t size : sizes) {
        if (size < 0) throw damaged(fmt::format("tensor `{}` has a negative size", tensor_name));
        count *= static_cast<double>(size);
      }
      const double needed = count * static_cast<double>(at::elementSize(type));
      if (needed > static_cast<double>(bytes.size() - at))
        throw damaged(fmt::format("it ends within tensor `{}` ({} bytes are left of {})",
                                  tensor_name, bytes.size() - at, needed));
      Tensor value = at::empty(sizes, type);
      const std::string_view numbers = bytes.substr(at, static_cast<size_t>(value.nbytes()));
      if (crc_of(numbers) != entry.at("crc").get<uint32_t>())
        throw damaged(fmt::format("the checksum of tensor `{}` does not fit", tensor_name));
      if (!numbers.empty()) std::memcpy(value.data_ptr(), numbers.data(), numbers.size());
      at += numbers.size();
      file.tensors.emplace_back(tensor_name, value);
    }
  } catch (const nlohmann::json::exception& error) {
    throw damaged(fmt::format("its header is not as the format says ({})", error.what()));
  }
  if (at != bytes.size())
    throw damaged(fmt::format("{} bytes follow its last tensor", bytes.size() - at));
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
