#include "image/image.h"

#include <fmt/format.h>

#include <algorithm>

#include "image/formats.h"
#include "source/mapped_file.h"

namespace vinci::image {

namespace {

using source::DiagnosticKind;

/// What a file begins with, for someone who gave a file of another kind.
std::string describe_beginning(std::string_view bytes) {
  if (bytes.empty()) return "it is empty";
  if (bytes.substr(0, 3) == "\xFF\xD8\xFF") return "it is a JPEG file";
  if (bytes.substr(0, 4) == "GIF8") return "it is a GIF file";
  if (bytes.substr(0, 4) == std::string_view("II*\0", 4) ||
      bytes.substr(0, 4) == std::string_view("MM\0*", 4)) {
    return "it is a TIFF file";
  }
  std::string text = "it begins with the bytes";
  for (const char c : bytes.substr(0, 8))
    text += fmt::format(" {:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return text;
}

/// Three equal channels become one.
void drop_equal_channels(Image& image) {
  if (image.channels != 3) return;
  const std::vector<uint8_t>& p = image.pixels;
  for (size_t i = 0; i < p.size(); i += 3) {
    if (p[i] != p[i + 1] || p[i] != p[i + 2]) return;
  }
  for (size_t i = 0; i < image.num_pixels(); ++i) image.pixels[i] = p[3 * i];
  image.pixels.resize(image.num_pixels());
  image.channels = 1;
}

}  // namespace

bool Decoder::fail(std::string message, std::string hint) {
  auto& error = sink.error(DiagnosticKind::kImageFormat, {},
                           fmt::format("the image `{}` {}", name, std::move(message)));
  if (!hint.empty()) error.with_hint(std::move(hint));
  return false;
}

bool Decoder::accept_size(int64_t width, int64_t height) {
  if (width <= 0 || height <= 0) {
    sink.error(DiagnosticKind::kImageSize, {},
               fmt::format("the image `{}` is {} pixels wide and {} high: it has no pixels", name,
                           width, height));
    return false;
  }
  if (width > kMaxPixels || height > kMaxPixels || width * height > kMaxPixels) {
    sink.error(DiagnosticKind::kImageSize, {},
               fmt::format("the image `{}` says that it is {} pixels wide and {} high; at most {} "
                           "million pixels are read",
                           name, width, height, kMaxPixels / 1'000'000))
        .with_hint("cut it into parts, or scale it down");
    return false;
  }
  return true;
}

std::optional<Image> decode_image(std::string_view bytes, const std::string& name,
                                  source::DiagnosticSink& sink, Conversions* conversions) {
  Conversions unwanted;
  Decoder decoder{bytes, name, sink, conversions != nullptr ? *conversions : unwanted};
  Image image;
  bool done = false;
  if (bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n") {
    done = decode_png(decoder, image);
  } else if (bytes.substr(0, 2) == "BM") {
    done = decode_bmp(decoder, image);
  } else if (bytes.substr(0, 2) == "P5" || bytes.substr(0, 2) == "P6") {
    done = decode_pnm(decoder, image);
  } else {
    decoder.fail(
        fmt::format("is neither PNG, BMP nor binary PGM or PPM: {}", describe_beginning(bytes)),
        "convert it to PNG");
  }
  if (!done) return std::nullopt;
  drop_equal_channels(image);
  return image;
}

std::optional<Image> read_image(const std::string& path, source::DiagnosticSink& sink,
                                Conversions* conversions) {
  const auto file = source::map_file(path, sink);
  if (file == nullptr) return std::nullopt;
  return decode_image(file->bytes(), path, sink, conversions);
}

Image to_grey(const Image& image) {
  if (image.channels == 1) return image;
  Image grey{image.width, image.height, 1, std::vector<uint8_t>(image.num_pixels())};
  for (size_t i = 0; i < grey.pixels.size(); ++i) {
    const unsigned sum = 299U * image.pixels[3 * i] + 587U * image.pixels[3 * i + 1] +
                         114U * image.pixels[3 * i + 2];
    grey.pixels[i] = static_cast<uint8_t>((sum + 500) / 1000);
  }
  return grey;
}

}  // namespace vinci::image
