#include "dataset/npy_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

#include "dataset/format_fault.h"
#include "dataset/whole_images.h"

namespace vinci::dataset {

namespace {

using source::DiagnosticKind;

[[noreturn]] void fail_header(const std::string& path, const data::NpyHeaderFault& fault,
                              size_t text_begin) {
  std::optional<uint64_t> offset;
  if (fault.is_in_text) offset = text_begin + fault.at;
  throw FormatFault(path, "is no array that can be used: " + fault.clause, offset)
      .of(fault.is_type_error ? DiagnosticKind::kNpyType : DiagnosticKind::kNpyFormat);
}

data::NpyHeader parse_header(const std::string& path, std::string_view bytes) {
  data::NpyHeaderFault fault;
  auto header = data::parse_npy_header(bytes, fault);
  if (!header) fail_header(path, fault, bytes.size() > 6 && bytes[6] == 1 ? 10 : 12);
  return std::move(*header);
}

/// Fills in all but the elements.
NpyArray describe_array(const std::string& path, data::NpyHeader header) {
  NpyArray out;
  out.path = path;
  const auto element = data::npy_element(header.descr);
  if (!element)
    throw FormatFault(path,
                      fmt::format("has elements of type `{}`; expected bool, int8 to int64, uint8 "
                                  "to uint64, float32 or float64",
                                  header.descr.substr(0, 40)),
                      header.text_begin + header.descr_begin,
                      "convert the array with .astype(\"uint8\") before saving it")
        .of(DiagnosticKind::kNpyType);
  out.element = *element;
  out.dims.assign(header.shape.begin(), header.shape.end());
  if (header.fortran_order && out.dims.size() > 1)
    throw FormatFault(path, "is in Fortran order; expected C order", header.text_begin,
                      "save numpy.ascontiguousarray(array)")
        .of(DiagnosticKind::kNpyFormat);
  out.header = std::move(header);
  return out;
}

void set_elements(NpyArray& array, OwnedBytes elements) {
  const auto count = array.header.count_in(elements.bytes.size(), array.element.size);
  if (!count)
    throw FormatFault(array.path,
                      fmt::format("has {} bytes of elements, which is not what an array {} of `{}` "
                                  "takes",
                                  elements.bytes.size(), describe(array.dims), array.header.descr),
                      array.header.data_begin, "the file was cut off or is damaged; copy it again")
        .of(DiagnosticKind::kNpyFormat);
  array.count = *count;
  array.elements = std::move(elements);
}

template <class T>
T element_at(const char* from, bool swapped) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, from, sizeof(T));
  if (swapped) std::reverse(bytes, bytes + sizeof(T));
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

/// Calls use(T()) with the type of the elements; bools are uint8_t.
template <class Use>
auto with_type(const data::NpyElement& element, Use use) {
  switch (element.kind) {
    case 'f':
      return element.size == 4 ? use(float()) : use(double());
    case 'i':
      switch (element.size) {
        case 1:
          return use(int8_t());
        case 2:
          return use(int16_t());
        case 4:
          return use(int32_t());
        default:
          return use(int64_t());
      }
    default:
      switch (element.size) {
        case 1:
          return use(uint8_t());
        case 2:
          return use(uint16_t());
        case 4:
          return use(uint32_t());
        default:
          return use(uint64_t());
      }
  }
}

/// `each(value, index)` for each element.
template <class Each>
void visit(const NpyArray& array, Each each) {
  const bool swapped = array.element.is_swapped();
  with_type(array.element, [&](auto zero) {
    using T = decltype(zero);
    const char* from = array.elements.bytes.data();
    for (size_t i = 0; i < array.count; ++i, from += sizeof(T))
      each(element_at<T>(from, swapped), i);
  });
}

template <class T>
[[noreturn]] void fail_value(const NpyArray& array, T value, size_t index, size_t image_size,
                             const char* rule, const char* hint) {
  FormatFault fault(array.path,
                    fmt::format("has the value {} in image {} (counted from 0); {}", +value,
                                index / image_size, rule),
                    array.header.data_begin + index * array.element.size, hint);
  throw std::move(fault).of(DiagnosticKind::kImageSetValue);
}

constexpr const char* kRule =
    "values are whole numbers from 0 to 255, or multiples of 1/255 from 0 to 1";

/// Whether fractions are to be multiplied by 255: the largest is at most 1, and one lies within.
bool has_fractions(const NpyArray& array) {
  if (array.element.kind != 'f') return false;
  bool within = false;
  bool above = false;
  visit(array, [&](auto value, size_t) {
    within |= value > 0 && value < 1;
    above |= value > 1;
  });
  return within && !above;
}

std::unique_ptr<uint8_t[]> converted(const NpyArray& array, size_t image_size) {
  auto out = std::make_unique_for_overwrite<uint8_t[]>(array.count);
  if (array.element.kind == 'b') {
    for (size_t i = 0; i < array.count; ++i) out[i] = array.elements.bytes[i] != 0 ? 1 : 0;
    return out;
  }
  if (!has_fractions(array)) {
    visit(array, [&](auto value, size_t i) {
      // Not (value in range) is also true of NaN.
      if (!(value >= 0 && static_cast<double>(value) <= 255) ||
          static_cast<double>(value) != std::floor(static_cast<double>(value)))
        fail_value(
            array, value, i, image_size, kRule,
            "round and scale the array, as in np.uint8(np.round(255 * x)), before saving it");
      out[i] = static_cast<uint8_t>(value);
    });
    return out;
  }
  visit(array, [&](auto value, size_t i) {
    const double scaled = 255 * static_cast<double>(value);
    const double nearest = std::round(scaled);
    // A multiple of 1/255 in single precision is off by at most 2^-24 of itself, two operations
    // by 2^-23: 3e-5 of 255.
    if (!(nearest >= 0 && nearest <= 255) || !(std::fabs(scaled - nearest) <= 5e-5))
      fail_value(array, value, i, image_size, kRule,
                 "round it to 8 bits, np.uint8(np.round(255 * x)), before saving it");
    out[i] = static_cast<uint8_t>(nearest);
  });
  return out;
}

}  // namespace

NpyArray parse_npy(const std::string& path, OwnedBytes file) {
  NpyArray out = describe_array(path, parse_header(path, file.bytes));
  file.bytes.remove_prefix(out.header.data_begin);
  set_elements(out, std::move(file));
  return out;
}

NpyArray read_npy_head(ByteSource& source, std::string& head) {
  head = source.peek(data::kNpyHeadBytes);
  data::NpyHeaderFault fault;
  const size_t begin = data::npy_data_begin(head, fault);
  if (begin == 0) fail_header(source.path(), fault, 0);
  head.resize(begin);
  head.resize(source.read(head.data(), begin));
  return describe_array(source.path(), parse_header(source.path(), head));
}

NpyArray open_npy(const std::string& path) {
  ByteSource source(path);
  if (!source.is_gzipped()) {
    source::ReadStatus status{};
    std::string reason;
    const auto file = source::MappedFile::open(path, status, reason);
    if (file == nullptr)
      throw FormatFault(path, "cannot be read: " + reason).of(DiagnosticKind::kFileUnreadable);
    return parse_npy(path, {file->bytes(), file});
  }
  std::string head;
  NpyArray out = read_npy_head(source, head);
  // What the header says, as far as it is possible; the rest is judged by what came.
  double wanted = static_cast<double>(out.element.size);
  for (const uint64_t d : out.dims) wanted *= static_cast<double>(d);
  std::error_code failed;
  const auto packed = std::filesystem::file_size(path, failed);
  const uint64_t size = wanted < 0x1p62 ? static_cast<uint64_t>(wanted) : uint64_t{1} << 62;
  accept_bytes(path, fmt::format("an array {}", describe(out.dims)), size, failed ? 0 : packed);
  std::shared_ptr<char[]> bytes(std::make_unique_for_overwrite<char[]>(size + 1));
  const size_t got = source.read(bytes.get(), size + 1);  // one more than there should be
  set_elements(out, {std::string_view(bytes.get(), got), bytes});
  return out;
}

ImageSet images_of(const NpyArray& array, const std::optional<ImageShape>& wanted) {
  const ArrayShape shape = array_shape(array.path, array.dims, wanted);
  const size_t size = shape.image.size();
  if (array.element.kind == 'u' && array.element.size == 1) {
    const auto* first = reinterpret_cast<const uint8_t*>(array.elements.bytes.data());
    return {shape.image, {array.elements.owner, first, size, shape.count, shape.order}};
  }
  accept_images(array.path, shape.count, shape.image, 0);
  return {shape.image, storage_of(converted(array, size), shape.count, size, shape.order)};
}

std::vector<int32_t> labels_of(const NpyArray& array) {
  std::vector<int32_t> out;
  out.reserve(array.count);
  visit(array, [&](auto value, size_t i) {
    if (!(value >= 0 && static_cast<double>(value) <= std::numeric_limits<int32_t>::max()) ||
        static_cast<double>(value) != std::floor(static_cast<double>(value)))
      throw FormatFault(
          array.path,
          fmt::format("has the label {}; labels are whole numbers from 0 to 2^31 - 1", +value),
          array.header.data_begin + i * array.element.size)
          .of(DiagnosticKind::kImageSetValue);
    out.push_back(static_cast<int32_t>(value));
  });
  return out;
}

}  // namespace vinci::dataset
