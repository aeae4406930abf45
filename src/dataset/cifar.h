// CIFAR-10's binary batches: records of a label and an image of 32 by 32 pixels in planes.
#pragma once

#include <string>

#include "dataset/image_set.h"

namespace vinci::dataset {

/// Maps the file: `label, 1024 red, 1024 green, 1024 blue` bytes a record. Throws FormatFault where
/// it is empty, ends within a record, or a label is above 9.
ImageSet read_cifar(const std::string& path);

}  // namespace vinci::dataset
