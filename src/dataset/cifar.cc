#include "dataset/cifar.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "dataset/format_fault.h"
#include "source/mapped_file.h"

namespace vinci::dataset {

namespace {

using source::DiagnosticKind;

constexpr ImageShape kShape{3, 32, 32};
constexpr size_t kRecord = 1 + 3 * 32 * 32;

}  // namespace

ImageSet read_cifar(const std::string& path) {
  source::ReadStatus status{};
  std::string reason;
  const auto file = source::MappedFile::open(path, status, reason);
  if (file == nullptr)
    throw FormatFault(path, "cannot be read: " + reason).of(DiagnosticKind::kFileUnreadable);
  const std::string_view bytes = file->bytes();
  const size_t count = bytes.size() / kRecord;
  if (bytes.size() % kRecord != 0 || count == 0)
    throw FormatFault(path,
                      fmt::format("has {} bytes; a batch of CIFAR-10 has {} for each image",
                                  bytes.size(), kRecord),
                      count * kRecord, "the file was cut off, or is none; copy it again");
  std::vector<int32_t> labels;
  labels.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    labels.push_back(static_cast<uint8_t>(bytes[i * kRecord]));
    if (labels.back() > 9)
      throw FormatFault(
          path, fmt::format("has the label {}; those of CIFAR-10 are 0 to 9", labels.back()),
          i * kRecord)
          .of(DiagnosticKind::kImageSetValue);
  }
  const auto* first = reinterpret_cast<const uint8_t*>(bytes.data()) + 1;
  return {kShape, {file, first, kRecord, count, PixelOrder::kPlanes}, std::move(labels)};
}

}  // namespace vinci::dataset
