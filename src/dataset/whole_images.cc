#include "dataset/whole_images.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <utility>

#include "dataset/format_fault.h"

namespace vinci::dataset {

namespace {

using source::DiagnosticKind;

uint64_t physical_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGE_SIZE);
  if (pages <= 0 || page <= 0) return uint64_t{1} << 33;
  return static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
}

std::string gigabytes(uint64_t bytes) {
  return fmt::format("{:.3g} GB", static_cast<double>(bytes) / 1e9);
}

/// Height and width within what images may be; `dims` is the array for messages.
ImageShape checked(const std::string& path, std::span<const uint64_t> dims, uint64_t channels,
                   uint64_t height, uint64_t width) {
  constexpr uint64_t kMost = image::kMaxPixels;
  if (height == 0 || width == 0)
    throw FormatFault(path,
                      fmt::format("is an array {}: its images have no pixels", describe(dims)))
        .of(DiagnosticKind::kImageSize);
  if (height > kMost || width > kMost || height * width > kMost)
    throw FormatFault(path, fmt::format("is an array {}; an image has at most {} million pixels",
                                        describe(dims), kMost / 1'000'000))
        .of(DiagnosticKind::kImageSize);
  return {static_cast<int>(channels), static_cast<int>(height), static_cast<int>(width)};
}

}  // namespace

void accept_bytes(const std::string& path, const std::string& what, uint64_t bytes,
                  uint64_t packed_bytes) {
  if (packed_bytes > 0 && bytes / kMaxExpansion > packed_bytes)
    throw FormatFault(path,
                      fmt::format("says that it holds {}; its {} bytes of compressed data cannot "
                                  "hold so much",
                                  what, packed_bytes),
                      {}, "the file was cut off, or is not what it says");
  const uint64_t memory = physical_memory();
  if (bytes > memory / 2)
    throw FormatFault(path,
                      fmt::format("holds {}, {} in memory; at most {}, half of this machine's, is "
                                  "taken",
                                  what, gigabytes(bytes), gigabytes(memory / 2)),
                      {},
                      "idx and npy files of unsigned bytes are used where they lie, if they are "
                      "not compressed")
        .of(DiagnosticKind::kLimit);
}

uint64_t accept_images(const std::string& path, uint64_t count, const ImageShape& shape,
                       uint64_t packed_bytes) {
  const uint64_t each = shape.size();
  const uint64_t bytes = count > std::numeric_limits<uint64_t>::max() / each
                             ? std::numeric_limits<uint64_t>::max()
                             : count * each;
  accept_bytes(path, fmt::format("{} images of {} pixels", count, describe(shape)), bytes,
               packed_bytes);
  return bytes;
}

std::string describe(const ImageShape& shape) {
  return fmt::format("{} by {}{}", shape.height, shape.width,
                     shape.channels == 3   ? " in colour"
                     : shape.channels == 1 ? ""
                                           : fmt::format(" and {} channels", shape.channels));
}

std::string describe(std::span<const uint64_t> dims) {
  std::string out = "[";
  for (size_t i = 0; i < dims.size(); ++i) out += fmt::format("{}{}", i > 0 ? ", " : "", dims[i]);
  return out + "]";
}

ArrayShape array_shape(const std::string& path, std::span<const uint64_t> dims,
                       const std::optional<ImageShape>& wanted) {
  if (dims.size() < 2 || dims.size() > 4)
    throw FormatFault(path,
                      fmt::format("is an array {}; images are [N, D], [N, H, W], [N, H, W, C] or "
                                  "[N, C, H, W]",
                                  describe(dims)));
  ArrayShape out;
  out.count = dims[0];
  if (dims.size() == 2) {
    const auto side = static_cast<uint64_t>(std::llround(std::sqrt(static_cast<double>(dims[1]))));
    const bool is_square = dims[1] <= image::kMaxPixels && side * side == dims[1];
    out.image = is_square ? checked(path, dims, 1, side, side) : checked(path, dims, 1, 1, dims[1]);
  } else if (dims.size() == 3) {
    out.image = checked(path, dims, 1, dims[1], dims[2]);
  } else if (dims[3] == 1 || dims[3] == 3) {
    out.image = checked(path, dims, dims[3], dims[1], dims[2]);
    out.order = PixelOrder::kInterleaved;
  } else if (dims[1] == 1 || dims[1] == 3) {
    out.image = checked(path, dims, dims[1], dims[2], dims[3]);
  } else if (dims[3] <= 4) {
    throw FormatFault(path, fmt::format("is an array {}: images of {} channels; expected 1 (grey) "
                                        "or 3 (red, green, blue)",
                                        describe(dims), dims[3]));
  } else {
    out.image = checked(path, dims, 1, dims[2], dims[3]);
    if (dims[1] != 0 && dims[0] > std::numeric_limits<uint64_t>::max() / dims[1])
      throw FormatFault(path, fmt::format("is an array {}, which is too large", describe(dims)));
    out.count = dims[0] * dims[1];
  }
  if (wanted) {
    if (wanted->size() != out.image.size())
      throw FormatFault(path, fmt::format("has images of {} values, and {} pixels take {}",
                                          out.image.size(), describe(*wanted), wanted->size()))
          .of(DiagnosticKind::kImageSize);
    if (out.image.channels != wanted->channels) out.order = PixelOrder::kPlanes;
    out.image = *wanted;
  }
  if (out.count == 0) throw FormatFault(path, "holds no images").of(DiagnosticKind::kImageSetEmpty);
  if (out.count >= std::numeric_limits<uint32_t>::max())
    throw FormatFault(path, fmt::format("says that it holds {} images; at most 4 294 967 294 are "
                                        "read",
                                        out.count))
        .of(DiagnosticKind::kLimit);
  return out;
}

ImageStorage storage_of(std::shared_ptr<std::vector<uint8_t>> bytes, size_t image_size,
                        PixelOrder order) {
  ImageStorage out;
  out.first = bytes->data();
  out.stride = image_size;
  out.count = bytes->size() / image_size;
  out.order = order;
  out.owner = std::move(bytes);
  return out;
}

ImageStorage storage_of(std::unique_ptr<uint8_t[]> bytes, size_t count, size_t image_size,
                        PixelOrder order) {
  ImageStorage out;
  out.first = bytes.get();
  out.stride = image_size;
  out.count = count;
  out.order = order;
  out.owner = std::shared_ptr<uint8_t[]>(std::move(bytes));
  return out;
}

}  // namespace vinci::dataset
