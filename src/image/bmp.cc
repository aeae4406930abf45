// Windows bitmaps without compression: BITMAPINFOHEADER and its longer successors.
#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "image/formats.h"

namespace vinci::image {

namespace {

uint32_t little_endian(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

bool decode_bmp(Decoder& decoder, Image& image) {
  const std::string_view bytes = decoder.bytes;
  constexpr size_t kFileHeader = 14, kInfoHeader = 40;
  const std::string_view cut = "the file was cut off; copy it again";
  if (bytes.size() < kFileHeader + kInfoHeader) {
    return decoder.fail(fmt::format("ends within its header: it has {} bytes", bytes.size()),
                        std::string(cut));
  }
  const size_t pixels_at = little_endian(bytes, 10, 4);
  const size_t info_size = little_endian(bytes, 14, 4);
  if (info_size < kInfoHeader || info_size > 4096) {
    return decoder.fail(fmt::format("is a bitmap with a header of {} bytes; 40 or more are read "
                                    "(Windows 3 and later)",
                                    info_size),
                        "convert it to PNG");
  }
  const auto width = static_cast<int32_t>(little_endian(bytes, 18, 4));
  const auto signed_height = static_cast<int32_t>(little_endian(bytes, 22, 4));
  const uint32_t bits = little_endian(bytes, 28, 2);
  const uint32_t compression = little_endian(bytes, 30, 4);
  const bool top_down = signed_height < 0;
  const int64_t height = std::abs(static_cast<int64_t>(signed_height));
  if (!decoder.accept_size(width, height)) return false;
  if (compression != 0) {
    return decoder.fail(fmt::format("is a compressed bitmap (method {}); only bitmaps without "
                                    "compression are read",
                                    compression),
                        "convert it to PNG");
  }
  if (bits != 1 && bits != 4 && bits != 8 && bits != 24 && bits != 32) {
    return decoder.fail(
        fmt::format("is a bitmap of {} bits a pixel; 1, 4, 8, 24 and 32 are read", bits),
        "convert it to PNG");
  }
  const size_t row_bytes = (static_cast<size_t>(width) * bits + 31) / 32 * 4;
  const size_t wanted = row_bytes * static_cast<size_t>(height);
  if (pixels_at > bytes.size() || bytes.size() - pixels_at < wanted) {
    return decoder.fail(fmt::format("ends within its pixels: {} by {} pixels of {} bits need {} "
                                    "bytes from byte {} on, and it has {} in all",
                                    width, height, bits, wanted, pixels_at, bytes.size()),
                        std::string(cut));
  }
  std::array<std::array<uint8_t, 3>, 256> palette{};
  size_t colours = 0;
  if (bits <= 8) {
    const uint32_t used = little_endian(bytes, 46, 4);
    colours = used == 0 || used > (1U << bits) ? size_t{1} << bits : used;
    const size_t palette_at = kFileHeader + info_size;
    if (palette_at + 4 * colours > bytes.size())
      return decoder.fail("ends within its palette", std::string(cut));
    for (size_t i = 0; i < colours; ++i) {
      for (size_t c = 0; c < 3; ++c)
        palette[i][c] = static_cast<uint8_t>(bytes[palette_at + 4 * i + 2 - c]);
    }
  }
  image.width = width;
  image.height = static_cast<int>(height);
  image.channels = 3;
  image.pixels.resize(3 * image.num_pixels());
  uint8_t* out = image.pixels.data();
  for (int64_t row = 0; row < height; ++row) {
    const auto stored = static_cast<size_t>(top_down ? row : height - 1 - row);
    const std::string_view from = bytes.substr(pixels_at + stored * row_bytes, row_bytes);
    for (size_t column = 0; column < static_cast<size_t>(width); ++column) {
      if (bits >= 24) {
        const size_t at = column * bits / 8;
        for (size_t c = 0; c < 3; ++c) *out++ = static_cast<uint8_t>(from[at + 2 - c]);
        continue;
      }
      const size_t bit = column * bits;
      const auto byte = static_cast<unsigned char>(from[bit / 8]);
      const size_t index = byte >> (8 - bits - bit % 8) & ((1U << bits) - 1);
      if (index >= colours) {
        return decoder.fail(
            fmt::format("is damaged: pixel ({}, {}) has colour {}, and its palette "
                        "has {}",
                        column, row, index, colours));
      }
      for (size_t c = 0; c < 3; ++c) *out++ = palette[index][c];
    }
  }
  return true;
}

}  // namespace vinci::image
