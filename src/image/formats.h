// The formats that image.h reads, one file each. They report through a Decoder and leave limits to
// it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "image/image.h"

namespace vinci::image {

/// A file being read.
struct Decoder {
  std::string_view bytes;
  const std::string& name;
  source::DiagnosticSink& sink;
  Conversions& conversions;

  /// Reports `image-format`, "the image `name` MESSAGE"; false.
  bool fail(std::string message, std::string hint = {});
  /// False and `image-size` reported unless an image of this size may be read.
  bool accept_size(int64_t width, int64_t height);
};

bool decode_png(Decoder& decoder, Image& image);
bool decode_bmp(Decoder& decoder, Image& image);
bool decode_pnm(Decoder& decoder, Image& image);

}  // namespace vinci::image
