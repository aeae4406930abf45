#include "dataset/tensor_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "vinci/error.h"

namespace vinci::dataset {
namespace {

using Json = nlohmann::ordered_json;
static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "vincideep\n";
constexpr uint16_t kVersion = 1;
constexpr int kMaxDepth = 64;  // of the header: writing it again goes down as deep
constexpr size_t kFixedBytes = kMagic.size() + sizeof(uint16_t) + 2 * sizeof(uint32_t);

struct TypeName {
  TensorType type;
  const char* name;
  size_t size;
};
constexpr TypeName kTypes[] = {{TensorType::kFloat32, "float32", 4},
                               {TensorType::kFloat64, "float64", 8},
                               {TensorType::kInt64, "int64", 8}};

const TypeName* type_named(std::string_view name) {
  for (const TypeName& known : kTypes)
    if (name == known.name) return &known;
  return nullptr;
}

uint32_t crc_of(std::string_view bytes) {
  uLong crc = crc32(0, nullptr, 0);
  for (size_t start = 0; start < bytes.size(); start += size_t{1} << 30) {
    const std::string_view piece = bytes.substr(start, size_t{1} << 30);
    crc = crc32(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
  }
  return static_cast<uint32_t>(crc);
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

}  // namespace

size_t size_of(TensorType type) { return kTypes[static_cast<size_t>(type)].size; }

const NamedTensor* TensorFile::find(std::string_view name) const {
  for (const NamedTensor& tensor : tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

bool is_tensor_file(std::string_view bytes) { return bytes.starts_with(kMagic); }

std::string tensor_file_bytes(const TensorFile& file) {
  Json header;
  header["kind"] = file.kind;
  header["config"] = Json::parse(file.config);
  header["shape"] = file.shape;
  if (!file.training.empty()) header["training"] = Json::parse(file.training);
  header["tensors"] = Json::array();
  for (const NamedTensor& tensor : file.tensors)
    header["tensors"].push_back({{"name", tensor.name},
                                 {"type", kTypes[static_cast<size_t>(tensor.type)].name},
                                 {"sizes", tensor.sizes},
                                 {"crc", crc_of(tensor.bytes)}});
  const std::string text = header.dump();
  std::string out(kMagic);
  put(out, kVersion);
  put(out, static_cast<uint32_t>(text.size()));
  put(out, crc_of(text));
  out += text;
  for (const NamedTensor& tensor : file.tensors) out += tensor.bytes;
  return out;
}

TensorFile parse_tensor_file(std::string_view bytes, const std::string& name) {
  const auto damaged = [&](const std::string& what) {
    return Error(Error::Kind::kInput, fmt::format("{} is damaged: {}.", name, what));
  };
  if (!is_tensor_file(bytes))
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

  TensorFile file;
  size_t at = kFixedBytes + header_bytes;
  try {
    const Json header = Json::parse(text, [&](int depth, Json::parse_event_t, Json&) {
      if (depth > kMaxDepth) throw damaged("its header is nested too deeply");
      return true;
    });
    file.kind = header.at("kind").get<std::string>();
    file.config = header.at("config").dump();
    const auto shape = header.at("shape").get<std::vector<int64_t>>();
    for (const int64_t side : shape)
      if (side < 0 || side > 65536) throw damaged("a side of its images is out of range");
    if (shape.size() != 4 || shape[0] < 1 || shape[1] < 1 || shape[2] < 1)
      throw damaged("it does not say of which shape its images are");
    std::copy(shape.begin(), shape.end(), file.shape.begin());
    if (header.contains("training")) file.training = header.at("training").dump();
    for (const Json& entry : header.at("tensors")) {
      NamedTensor tensor;
      tensor.name = entry.at("name").get<std::string>();
      const auto type_name = entry.at("type").get<std::string>();
      tensor.sizes = entry.at("sizes").get<std::vector<int64_t>>();
      const TypeName* type = type_named(type_name);
      if (type == nullptr)
        throw damaged(fmt::format("tensor `{}` has the type `{}`", tensor.name, type_name));
      tensor.type = type->type;
      double count = 1;
      double extent = 1;  // as if no size were 0: strides are computed from it
      for (const int64_t size : tensor.sizes) {
        if (size < 0) throw damaged(fmt::format("tensor `{}` has a negative size", tensor.name));
        count *= static_cast<double>(size);
        extent *= static_cast<double>(std::max<int64_t>(size, 1));
      }
      if (extent > 1e15) throw damaged(fmt::format("tensor `{}` is too large", tensor.name));
      const double needed = count * static_cast<double>(type->size);
      if (needed > static_cast<double>(bytes.size() - at))
        throw damaged(fmt::format("it ends within tensor `{}` ({} bytes are left of {})",
                                  tensor.name, bytes.size() - at, needed));
      tensor.bytes = bytes.substr(at, static_cast<size_t>(needed));
      if (crc_of(tensor.bytes) != entry.at("crc").get<uint32_t>())
        throw damaged(fmt::format("the checksum of tensor `{}` does not fit", tensor.name));
      at += tensor.bytes.size();
      file.tensors.push_back(std::move(tensor));
    }
  } catch (const nlohmann::json::exception& error) {
    throw damaged(fmt::format("its header is not as the format says ({})", error.what()));
  }
  if (at != bytes.size())
    throw damaged(fmt::format("{} bytes follow its last tensor", bytes.size() - at));
  return file;
}

}  // namespace vinci::dataset
