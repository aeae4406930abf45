// libFuzzer: any bytes as an image give pixels or diagnostics; what was read survives a round trip
// through PNG. Checksums of PNG chunks are mended first, so that damage gets behind them.
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "image/image.h"

namespace {

void mend_checksums(std::string& bytes) {
  const auto at = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(bytes[i])); };
  for (size_t chunk = 8; chunk + 12 <= bytes.size();) {
    const size_t length =
        at(chunk) << 24 | at(chunk + 1) << 16 | at(chunk + 2) << 8 | at(chunk + 3);
    if (length > bytes.size() - chunk - 12) return;
    const auto sum = crc32(0, reinterpret_cast<const Bytef*>(bytes.data()) + chunk + 4,
                           static_cast<uInt>(length + 4));
    for (size_t i = 0; i < 4; ++i)
      bytes[chunk + 8 + length + i] = static_cast<char>(sum >> (24 - 8 * i) & 0xff);
    chunk += length + 12;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vinci::source::DiagnosticSink sink;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  // One in two: the checks themselves are to be met as well.
  if (bytes.substr(0, 4) == "\x89PNG" && size % 2 == 0) mend_checksums(bytes);
  const auto image = vinci::image::decode_image(bytes, "fuzz", sink);
  if (image.has_value() == sink.has_errors()) std::abort();
  if (!image) return 0;
  if (image->pixels.size() != image->num_pixels() * static_cast<size_t>(image->channels))
    std::abort();
  if (image->num_pixels() > 1 << 16) return 0;
  const auto again = vinci::image::decode_image(vinci::image::encode_png(*image), "again", sink);
  if (!again || again->pixels != image->pixels) std::abort();
  return 0;
}
