// Many images as one picture: samples, reconstructions, codebooks.
#pragma once

#include <cstdint>
#include <span>

#include "image/image.h"

namespace vinci::image {

struct GridOptions {
  int columns = 0;  ///< 0: as many as make it about square
  int margin = 2;   ///< pixels between images, and around them
  int scale = 1;    ///< each pixel becomes scale by scale
  uint8_t background = 255;
};

/// The images row by row, all of one height and width (a CHECK); grey ones among coloured ones
/// become coloured. Places that no image is left for stay background. Throws Error(kUsage) where
/// there is no image, or the picture would have more than kMaxPixels.
Image grid_picture(std::span<const Image> images, const GridOptions& options = {});

}  // namespace vinci::image
