// libFuzzer: any bytes as an image give pixels or diagnostics; what was read survives a round trip
// through PNG.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vinci::source::DiagnosticSink sink;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
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
