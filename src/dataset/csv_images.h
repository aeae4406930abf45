// Sets of images from CSV tables: one image a row, a pixel a column, and a column of labels.
#pragma once

#include <optional>
#include <string>

#include "dataset/image_set.h"

namespace vinci::dataset {

/// Integers of 0 to 255, with or without a line of names; a column named `label` (in any letter
/// case) is the labels. Images are a square where their number of values is one, else a row, or
/// `shape`. Read whole. Throws FormatFault with line or row.
ImageSet read_csv_images(const std::string& path, const std::optional<ImageShape>& shape);

}  // namespace vinci::dataset
