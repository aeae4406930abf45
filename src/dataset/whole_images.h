// What the readers have in common: limits of sizes, shapes from arrays, images read into memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataset/image_set.h"

namespace vinci::dataset {

/// Deflate, and so gzip and zip, expand by at most this.
inline constexpr uint64_t kMaxExpansion = 1032;

/// Throws FormatFault where `what` would take more than half of the machine's memory, or where
/// `packed_bytes` of compressed data (0: not compressed) cannot hold it.
void accept_bytes(const std::string& path, const std::string& what, uint64_t bytes,
                  uint64_t packed_bytes);
/// The same for images; returns their bytes.
uint64_t accept_images(const std::string& path, uint64_t count, const ImageShape& shape,
                       uint64_t packed_bytes);

/// An array whose first size is the number of images.
struct ArrayShape {
  uint64_t count = 0;
  ImageShape image;
  PixelOrder order = PixelOrder::kPlanes;
};

/// What array of these sizes is as images:
/// [N, D] a square where D is one, else a row; [N, H, W]; [N, H, W, C] and [N, C, H, W] with C 1 or
/// 3; [A, B, H, W] otherwise, A B images. With `wanted`, images are that, and the values of one
/// must agree. Throws FormatFault where it is no set of images, has none, or has too many values.
ArrayShape array_shape(const std::string& path, std::span<const uint64_t> dims,
                       const std::optional<ImageShape>& wanted);

/// Bytes in memory as storage.
ImageStorage storage_of(std::shared_ptr<std::vector<uint8_t>> bytes, size_t image_size,
                        PixelOrder order = PixelOrder::kPlanes);
ImageStorage storage_of(std::unique_ptr<uint8_t[]> bytes, size_t count, size_t image_size,
                        PixelOrder order = PixelOrder::kPlanes);

/// "28 by 28", "32 by 32 in colour".
std::string describe(const ImageShape& shape);
/// "[60000, 28, 28]".
std::string describe(std::span<const uint64_t> dims);

}  // namespace vinci::dataset
