// idx files, as MNIST comes in: a magic number, the sizes, the values. Plain or gzipped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataset/byte_source.h"
#include "dataset/element_type.h"
#include "dataset/image_set.h"

namespace vinci::dataset {

struct IdxHeader {
  ElementType element;
  std::vector<uint64_t> dims;  ///< at least one
  std::string bytes;           ///< as they stand in the file
};

/// Whether a file that begins so is idx: two zeros, a known type, 1 to 8 sizes.
bool is_idx(const std::string& head);

/// From the beginning of the file, which is_idx. Throws FormatFault where it ends inside or holds
/// real numbers.
IdxHeader read_idx_header(ByteSource& source);

/// Unsigned bytes of two or more sizes, the first the number of images: [N, D] (a square where D is
/// one, else a row), [N, H, W], or [N, C, H, W]. `shape`, if given, is what an image is taken for.
/// Mapped where the file is not gzipped. Throws FormatFault.
ImageSet read_idx_images(const std::string& path, const std::optional<ImageShape>& shape);

/// Integers of one size. Throws FormatFault.
std::vector<int32_t> read_idx_labels(const std::string& path);

}  // namespace vinci::dataset
