// Binary PGM (P5) and PPM (P6) with one byte a value.
#include <fmt/format.h>

#include "image/formats.h"

namespace vinci::image {

namespace {

/// The next number of the header, behind blanks and comments; -1 where there is none.
int64_t next_number(std::string_view bytes, size_t& at) {
  while (at < bytes.size()) {
    const char c = bytes[at];
    if (c == '#') {
      while (at < bytes.size() && bytes[at] != '\n') ++at;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at;
    } else {
      break;
    }
  }
  int64_t value = -1;
  while (at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9') {
    value = (value < 0 ? 0 : value * 10) + (bytes[at++] - '0');
    if (value > (int64_t{1} << 32)) return -1;
  }
  return value;
}

}  // namespace

bool decode_pnm(Decoder& decoder, Image& image) {
  const std::string_view bytes = decoder.bytes;
  size_t at = 2;
  const int64_t width = next_number(bytes, at);
  const int64_t height = next_number(bytes, at);
  const int64_t most = next_number(bytes, at);
  if (width < 0 || height < 0 || most < 0 || at >= bytes.size()) {
    return decoder.fail("has no header of the form `P5 WIDTH HEIGHT MAXIMUM`",
                        "copy or write the file again");
  }
  if (!decoder.accept_size(width, height)) return false;
  if (most < 1 || most > 255) {
    return decoder.fail(fmt::format("has values up to {}; 1 to 255 are read", most),
                        "convert it to PNG");
  }
  ++at;  // one blank
  image.channels = bytes[1] == '6' ? 3 : 1;
  const size_t wanted = static_cast<size_t>(width * height * image.channels);
  if (bytes.size() - at < wanted) {
    return decoder.fail(fmt::format("ends within its pixels: {} by {} pixels need {} bytes, and "
                                    "it has {}",
                                    width, height, wanted, bytes.size() - at),
                        "the file was cut off; copy it again");
  }
  image.width = static_cast<int>(width);
  image.height = static_cast<int>(height);
  image.pixels.resize(wanted);
  for (size_t i = 0; i < wanted; ++i) {
    const auto value = static_cast<int64_t>(static_cast<unsigned char>(bytes[at + i]));
    if (value > most) {
      return decoder.fail(
          fmt::format("is damaged: byte {} of its pixels is {}, and its maximum is "
                      "{}",
                      i, value, most));
    }
    image.pixels[i] = static_cast<uint8_t>((value * 255 + most / 2) / most);
  }
  return true;
}

}  // namespace vinci::image
