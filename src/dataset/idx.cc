#include "dataset/idx.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "dataset/format_fault.h"
#include "dataset/whole_images.h"
#include "source/mapped_file.h"

namespace vinci::dataset {

namespace {

using source::DiagnosticKind;

std::shared_ptr<const source::MappedFile> map(const std::string& path) {
  source::ReadStatus status{};
  std::string reason;
  auto file = source::MappedFile::open(path, status, reason);
  if (file == nullptr)
    throw FormatFault(path, "cannot be read: " + reason).of(DiagnosticKind::kFileUnreadable);
  return file;
}

}  // namespace

bool is_idx(const std::string& head) {
  return head.size() >= 4 && head[0] == 0 && head[1] == 0 && head[2] >= 0x08 && head[2] <= 0x0E &&
         head[2] != 0x0A && head[3] >= 1 && head[3] <= 8;
}

IdxHeader read_idx_header(ByteSource& source) {
  IdxHeader out;
  out.bytes.resize(4);
  const size_t got = source.read(out.bytes.data(), 4);
  if (got < 4 || !is_idx(out.bytes))
    throw FormatFault(source.path(),
                      "is no idx file: it does not begin with two zeros, a type and the number of "
                      "sizes",
                      0);
  switch (out.bytes[2]) {
    case 0x08:
      out.element = {1, false, true};
      break;
    case 0x09:
      out.element = {1, true, true};
      break;
    case 0x0B:
      out.element = {2, true, true};
      break;
    case 0x0C:
      out.element = {4, true, true};
      break;
    default:
      throw FormatFault(source.path(), "holds real numbers; expected integers", 2);
  }
  for (int d = 0; d < out.bytes[3]; ++d) {
    char size[4];
    if (source.read(size, 4) < 4)
      throw FormatFault(source.path(), "ends inside its idx header", source.offset());
    out.bytes.append(size, 4);
    out.dims.push_back(static_cast<uint64_t>(decode_element(size, {4, false, true})));
  }
  return out;
}

ImageSet read_idx_images(const std::string& path, const std::optional<ImageShape>& wanted) {
  ByteSource source(path);
  const IdxHeader header = read_idx_header(source);
  if (header.dims.size() == 1)
    throw FormatFault(path, "holds one number after the other: labels, and no images", 3,
                      "name the file of the images; labels are found beside it")
        .of(DiagnosticKind::kImageSetLabels);
  if (header.element != ElementType{1, false, true})
    throw FormatFault(path, "has elements of another type; images are unsigned bytes (type 8)", 2);
  const ArrayShape shape = array_shape(path, header.dims, wanted);
  const size_t size = shape.image.size();
  const uint64_t begin = header.bytes.size();
  const auto cut_off = [&](uint64_t have) {
    return FormatFault(path,
                       fmt::format("ends after {} of its {} images", have / size, shape.count),
                       begin + have, "the file was cut off; copy it again");
  };
  const auto goes_on = [&] {
    return FormatFault(path, fmt::format("goes on after its {} images", shape.count),
                       begin + shape.count * size);
  };
  if (!source.is_gzipped()) {
    const auto file = map(path);
    const std::string_view bytes = file->bytes();
    const uint64_t room = bytes.size() < begin ? 0 : bytes.size() - begin;
    if (room / size < shape.count) throw cut_off(room);
    if (room > shape.count * size) throw goes_on();
    const auto* first = reinterpret_cast<const uint8_t*>(bytes.data()) + begin;
    return {shape.image, {file, first, size, shape.count, shape.order}};
  }
  std::error_code failed;
  const auto packed = std::filesystem::file_size(path, failed);
  const uint64_t total = accept_images(path, shape.count, shape.image, failed ? 0 : packed);
  auto bytes = std::make_unique_for_overwrite<uint8_t[]>(total);
  const size_t got = source.read(reinterpret_cast<char*>(bytes.get()), total);
  if (got < total) throw cut_off(got);
  char extra = 0;
  if (source.read(&extra, 1) != 0) throw goes_on();
  return {shape.image, storage_of(std::move(bytes), shape.count, size, shape.order)};
}

std::vector<int32_t> read_idx_labels(const std::string& path) {
  ByteSource source(path);
  const IdxHeader header = read_idx_header(source);
  if (header.dims.size() != 1)
    throw FormatFault(
        path,
        fmt::format("is an array {}; labels are one number for each image", describe(header.dims)),
        3)
        .of(DiagnosticKind::kImageSetLabels);
  const size_t bytes = header.element.bytes;
  std::vector<int32_t> labels;
  std::string block;
  // Block by block: the count in the header may be a lie.
  for (uint64_t left = header.dims[0]; left > 0;) {
    const size_t rows = std::min<uint64_t>(left, 1 << 16);
    block.resize(rows * bytes);
    if (source.read(block.data(), block.size()) < block.size())
      throw FormatFault(path, fmt::format("ends before its {} labels", header.dims[0]),
                        source.offset(), "the file was cut off; copy it again");
    for (size_t r = 0; r < rows; ++r) {
      const int64_t label = decode_element(block.data() + r * bytes, header.element);
      if (label < 0)
        throw FormatFault(path, fmt::format("has the label {}; labels are 0 and above", label),
                          header.bytes.size() + labels.size() * bytes)
            .of(DiagnosticKind::kImageSetValue);
      labels.push_back(static_cast<int32_t>(label));
    }
    left -= rows;
  }
  char extra = 0;
  if (source.read(&extra, 1) != 0)
    throw FormatFault(path, fmt::format("goes on after its {} labels", header.dims[0]),
                      source.offset() - 1);
  return labels;
}

}  // namespace vinci::dataset
