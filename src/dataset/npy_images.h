// Sets of images and labels from NumPy arrays: .npy files, gzipped ones, and the members of .npz.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/npy_header.h"
#include "dataset/byte_source.h"
#include "dataset/image_set.h"
#include "dataset/zip.h"

namespace vinci::dataset {

/// An array of numbers: what its header says, and its elements.
struct NpyArray {
  std::string path;  ///< for messages; "digits.npz:images.npy" in an archive
  data::NpyHeader header;
  data::NpyElement element;
  std::vector<uint64_t> dims;
  size_t count = 0;  ///< of all elements
  OwnedBytes elements;
};

/// Throws FormatFault (npy-format, npy-type) where it is no array of numbers in C order, of exactly
/// the size that it says. A file that is not gzipped is mapped.
NpyArray open_npy(const std::string& path);
/// The beginning of such a file, up to the elements, which are left in the source: all but `count`
/// and `elements`. `head`: its bytes.
NpyArray read_npy_head(ByteSource& source, std::string& head);
/// From all the bytes of an array's file.
NpyArray parse_npy(const std::string& path, OwnedBytes file);

/// What read.h says of arrays. Unsigned bytes stay where they are. Throws FormatFault
/// (image-set-format, image-set-value, image-size).
ImageSet images_of(const NpyArray& array, const std::optional<ImageShape>& shape);
/// Whole numbers from 0 to 2^31 - 1, in any shape; throws FormatFault.
std::vector<int32_t> labels_of(const NpyArray& array);

}  // namespace vinci::dataset
