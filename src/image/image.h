// Images as bytes: read from PNG, BMP and PGM/PPM files, written as PNG. For whatever takes
// pictures as data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/diagnostic.h"

namespace vinci::image {

/// Rows from the top, `channels` bytes a pixel: 1 grey, 3 red, green, blue.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 1;
  std::vector<uint8_t> pixels;

  size_t num_pixels() const { return static_cast<size_t>(width) * static_cast<size_t>(height); }
};

/// More pixels than this are refused: 2^27, some 134 million.
inline constexpr int64_t kMaxPixels = int64_t{1} << 27;

/// What reading changed without harm, as clauses such as "16 bits a channel were rounded to 8".
using Conversions = std::vector<std::string>;

/// Reads PNG (all colour types, 1 to 16 bits, interlaced), BMP (1, 4, 8, 24 and 32 bits without
/// compression) or binary PGM/PPM with values up to 255, told apart by their first bytes. Palettes
/// are looked up; an image all of whose pixels are grey comes out grey; 16 bits are rounded to 8;
/// what is transparent is laid on white. `name` is for messages.
///
/// Any bytes give an image or an error in `sink` (`image-format`, `image-size`). No memory is taken
/// for pixels that the file cannot hold: a PNG shorter than a 1032nd of them, the most that its
/// compression can do, is refused.
std::optional<Image> decode_image(std::string_view bytes, const std::string& name,
                                  source::DiagnosticSink& sink, Conversions* conversions = nullptr);

/// The same from a file.
std::optional<Image> read_image(const std::string& path, source::DiagnosticSink& sink,
                                Conversions* conversions = nullptr);

/// A PNG file with 8 bits a channel. The same image gives the same bytes on one machine.
std::string encode_png(const Image& image);

/// 0.299 red + 0.587 green + 0.114 blue, rounded (ITU-R BT.601); a grey image as it is.
Image to_grey(const Image& image);

}  // namespace vinci::image
