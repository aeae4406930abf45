#include "image/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "vinci/error.h"

namespace vinci::image {

namespace {

/// Puts the image, enlarged, where its corner is to be.
void paste(const Image& image, Image& onto, int left, int top, int scale) {
  const auto row_bytes = static_cast<size_t>(onto.width) * static_cast<size_t>(onto.channels);
  const auto from_channels = static_cast<size_t>(image.channels);
  const auto channels = static_cast<size_t>(onto.channels);
  for (int y = 0; y < image.height * scale; ++y) {
    const uint8_t* from = image.pixels.data() + static_cast<size_t>(y / scale) *
                                                    static_cast<size_t>(image.width) *
                                                    from_channels;
    uint8_t* to = onto.pixels.data() + static_cast<size_t>(top + y) * row_bytes +
                  static_cast<size_t>(left) * channels;
    for (int x = 0; x < image.width * scale; ++x) {
      const uint8_t* pixel = from + static_cast<size_t>(x / scale) * from_channels;
      for (size_t c = 0; c < channels; ++c) *to++ = pixel[from_channels == 1 ? 0 : c];
    }
  }
}

}  // namespace

Image grid_picture(std::span<const Image> images, const GridOptions& options) {
  if (images.empty()) throw Error(Error::Kind::kUsage, "There are no images to make a picture of.");
  VINCI_CHECK(options.columns >= 0 && options.margin >= 0 && options.scale >= 1);
  const Image& first = images[0];
  int channels = 1;
  for (const Image& image : images) {
    VINCI_CHECK(image.height == first.height && image.width == first.width);
    channels = std::max(channels, image.channels);
  }
  const auto count = static_cast<int64_t>(images.size());
  const double square = std::sqrt(static_cast<double>(count));
  int64_t columns = options.columns;
  if (columns == 0) columns = static_cast<int64_t>(std::ceil(square - 1e-9));
  columns = std::min(columns, count);
  const int64_t rows = (count + columns - 1) / columns;
  const int64_t step_x = int64_t{first.width} * options.scale + options.margin;
  const int64_t step_y = int64_t{first.height} * options.scale + options.margin;
  const int64_t width = columns * step_x + options.margin;
  const int64_t height = rows * step_y + options.margin;
  if (width > kMaxPixels || height > kMaxPixels || width * height > kMaxPixels)
    throw Error(Error::Kind::kUsage,
                fmt::format("A picture of {} images of {} by {} pixels would be too large; at most "
                            "{} million pixels are written.",
                            count, first.height, first.width, kMaxPixels / 1'000'000));
  Image out{static_cast<int>(width), static_cast<int>(height), channels, {}};
  out.pixels.assign(out.num_pixels() * static_cast<size_t>(channels), options.background);
  for (int64_t i = 0; i < count; ++i) {
    const auto left = static_cast<int>(options.margin + i % columns * step_x);
    const auto top = static_cast<int>(options.margin + i / columns * step_y);
    paste(images[static_cast<size_t>(i)], out, left, top, options.scale);
  }
  return out;
}

}  // namespace vinci::image
