// PNG by libpng. [W3C Portable Network Graphics, third edition]
#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "base/check.h"
#include "image/formats.h"

namespace vinci::image {

namespace {

// libpng leaves by longjmp, over whatever frames lie between. What has to be destroyed lives in the
// frames of the callers of the functions with setjmp, which themselves hold plain values only.

struct Reader {
  std::string_view bytes;
  size_t at = 0;
  bool ended = false;  // bytes were asked for beyond the end
  char message[160] = "";
};

void read_bytes(png_structp png, png_bytep out, size_t count) {
  auto& reader = *static_cast<Reader*>(png_get_io_ptr(png));
  if (count > reader.bytes.size() - reader.at) {
    reader.ended = true;
    png_error(png, "it ends early");
  }
  std::memcpy(out, reader.bytes.data() + reader.at, count);
  reader.at += count;
}

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* text = static_cast<char*>(png_get_error_ptr(png));
  std::strncpy(text, message, sizeof(Reader::message) - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

struct Header {
  png_uint_32 width = 0, height = 0;
  int bits = 0, colour = 0, interlace = 0;
  bool transparent = false;
};

/// Reads all chunks before the pixels and asks for 8-bit grey or RGB, with alpha where there is
/// any.
bool read_header(png_structp png, png_infop info, Header& header) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);  // sizes are judged by the Decoder
  png_set_chunk_malloc_max(png, 8 << 20);
  png_set_chunk_cache_max(png, 64);
  png_read_info(png, info);
  png_get_IHDR(png, info, &header.width, &header.height, &header.bits, &header.colour,
               &header.interlace, nullptr, nullptr);
  header.transparent =
      (header.colour & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  return true;
}

/// Reads `rows` rows into `target`.
bool read_rows(png_structp png, uint8_t* target, size_t row_bytes, int rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  for (int row = 0; row < rows; ++row)
    png_read_row(png, target + static_cast<size_t>(row) * row_bytes, nullptr);
  return true;
}

/// Checks what follows the pixels.
bool read_end(png_structp png) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_end(png, nullptr);
  return true;
}

class ReadStruct {
 public:
  explicit ReadStruct(Reader& reader) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader.message, on_error, on_warning);
    info = png == nullptr ? nullptr : png_create_info_struct(png);
    if (info != nullptr) png_set_read_fn(png, &reader, read_bytes);
  }
  ~ReadStruct() { png_destroy_read_struct(&png, &info, nullptr); }
  ReadStruct(const ReadStruct&) = delete;
  ReadStruct& operator=(const ReadStruct&) = delete;

  png_structp png = nullptr;
  png_infop info = nullptr;
};

int64_t big_endian(std::string_view bytes, size_t at) {
  int64_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

/// Lays colours with alpha on white and drops the alpha; whether any was not opaque.
bool flatten(std::vector<uint8_t>& pixels, int channels) {
  bool changed = false;
  const auto step = static_cast<size_t>(channels);
  size_t out = 0;
  for (size_t in = 0; in + step <= pixels.size(); in += step) {
    const unsigned alpha = pixels[in + step - 1];
    changed |= alpha != 255;
    for (size_t c = 0; c + 1 < step; ++c) {
      const unsigned mixed = pixels[in + c] * alpha + 255 * (255 - alpha);
      pixels[out++] = static_cast<uint8_t>((mixed + 127) / 255);
    }
  }
  pixels.resize(out);
  return changed;
}

/// Whether each chunk but those of pixels is as long as it says: libpng takes memory for a chunk
/// before it reads it, whatever its limits, which it only warns of.
bool accept_chunks(Decoder& decoder) {
  const std::string_view bytes = decoder.bytes;
  std::string_view where = "before";
  for (size_t at = 8; at + 8 <= bytes.size();) {
    const auto length = static_cast<uint64_t>(big_endian(bytes, at));
    const std::string_view type = bytes.substr(at + 4, 4);
    if (type == "IEND") break;
    const size_t left = bytes.size() - at - 8;
    if (type == "IDAT") {
      where = "after";
    } else if (length > left) {
      return decoder.fail(fmt::format("ends {} its pixels: a part of it says that it has {} bytes, "
                                      "and {} are left",
                                      where, length, left),
                          "the file was cut off; copy it again");
    }
    if (length + 4 > left) break;
    at += 12 + length;
  }
  return true;
}

}  // namespace

bool decode_png(Decoder& decoder, Image& image) {
  // The size stands at a fixed place: judged before anything else is believed.
  if (decoder.bytes.size() >= 24 && decoder.bytes.substr(12, 4) == "IHDR" &&
      !decoder.accept_size(big_endian(decoder.bytes, 16), big_endian(decoder.bytes, 20))) {
    return false;
  }
  if (!accept_chunks(decoder)) return false;
  Reader reader{decoder.bytes};
  ReadStruct read(reader);
  if (read.info == nullptr) throw std::bad_alloc();
  const auto broken = [&](const std::string& where) {
    if (reader.ended) {
      return decoder.fail(fmt::format("ends {}: it has {} bytes", where, decoder.bytes.size()),
                          "the file was cut off; copy it again");
    }
    return decoder.fail(fmt::format("is damaged {}: libpng says \"{}\"", where, reader.message),
                        "copy or write the file again");
  };
  Header header;
  if (!read_header(read.png, read.info, header)) return broken("before its pixels");
  // Once more: a file without IHDR at its place would have got here unjudged.
  if (!decoder.accept_size(header.width, header.height)) return false;

  const size_t row_bytes = png_get_rowbytes(read.png, read.info);
  const int channels = png_get_channels(read.png, read.info);
  image.width = static_cast<int>(header.width);
  image.height = static_cast<int>(header.height);
  // Deflate expands by at most 1032: fewer bytes cannot hold these pixels. Without this a small
  // file could make us allocate the largest image that is allowed.
  const int samples = header.colour == PNG_COLOR_TYPE_PALETTE      ? 1
                      : header.colour == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                      : header.colour == PNG_COLOR_TYPE_RGB        ? 3
                      : header.colour == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                                                                   : 1;
  const double raw_bytes =
      static_cast<double>(header.width) * header.height * samples * header.bits / 8;
  if (raw_bytes > 1032.0 * static_cast<double>(decoder.bytes.size())) {
    return decoder.fail(fmt::format("says that it is {} pixels wide and {} high, and has only {} "
                                    "bytes: they cannot hold so many",
                                    header.width, header.height, decoder.bytes.size()),
                        "the file was cut off, or is not what it says");
  }
  const auto rows = static_cast<size_t>(image.height);
  if (header.interlace == PNG_INTERLACE_NONE) {
    // Rows are added as they come.
    constexpr size_t kBlockBytes = size_t{1} << 20;
    const size_t block = std::max<size_t>(1, kBlockBytes / row_bytes);
    for (size_t row = 0; row < rows; row += block) {
      const size_t count = std::min(block, rows - row);
      image.pixels.resize((row + count) * row_bytes);
      if (!read_rows(read.png, image.pixels.data() + row * row_bytes, row_bytes,
                     static_cast<int>(count))) {
        return broken("within its pixels");
      }
    }
  } else {
    image.pixels.resize(rows * row_bytes);
    for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; ++pass) {
      if (!read_rows(read.png, image.pixels.data(), row_bytes, image.height))
        return broken("within its pixels");
    }
  }
  if (!read_end(read.png)) return broken("after its pixels");

  if (header.bits == 16) decoder.conversions.emplace_back("16 bits a channel were rounded to 8");
  image.channels = channels;
  if (channels == 2 || channels == 4) {
    image.channels = channels - 1;
    if (flatten(image.pixels, channels))
      decoder.conversions.emplace_back("transparent pixels were laid on white");
  }
  return true;
}

namespace {

void write_bytes(png_structp png, png_bytep bytes, size_t count) {
  static_cast<std::string*>(png_get_io_ptr(png))
      ->append(reinterpret_cast<const char*>(bytes), count);
}
void flush_bytes(png_structp) {}

bool write_all(png_structp png, png_infop info, const Image& image) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width),
               static_cast<png_uint_32>(image.height), 8,
               image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  const size_t row_bytes = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  for (int row = 0; row < image.height; ++row)
    png_write_row(png, image.pixels.data() + static_cast<size_t>(row) * row_bytes);
  png_write_end(png, nullptr);
  return true;
}

}  // namespace

std::string encode_png(const Image& image) {
  VINCI_CHECK(image.width > 0 && image.height > 0 && (image.channels == 1 || image.channels == 3));
  VINCI_CHECK(image.pixels.size() == image.num_pixels() * static_cast<size_t>(image.channels));
  std::string out;
  char message[sizeof(Reader::message)] = "";
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, message, on_error, on_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (info == nullptr) {
    png_destroy_write_struct(&png, nullptr);
    throw std::bad_alloc();
  }
  png_set_write_fn(png, &out, write_bytes, flush_bytes);
  // Above its own limit libpng refuses to write what it was told.
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  const bool done = write_all(png, info, image);
  png_destroy_write_struct(&png, &info);
  VINCI_CHECK(done);
  return out;
}

}  // namespace vinci::image
