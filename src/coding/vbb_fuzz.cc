// libFuzzer: any bytes as a .vbb file give a table or an Error, and so do any bytes as a chunk or a
// model, behind the checksums, and as a chunk of a network or its file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "coding/codec.h"
#include "coding/network_model.h"
#include "coding/testing/network_file.h"
#include "dataset/picture_table.h"
#include "vinci/error.h"

namespace {

using namespace vinci::coding;  // NOLINT: a single file

/// Models beyond this take longer to build than a fuzzer waits.
bool is_small(const ModelCodes& codes) {
  size_t cells = 0;
  for (const Column& column : codes.emissions.columns) cells += column.size;
  return cells * codes.emissions.components <= 100000 && codes.transitions.size() <= 10000;
}

/// Three layers of 9 grey pixels and 4 latent variables; its weights are of two sizes, so that some
/// outputs are extreme.
TableModelPtr network() {
  vinci::dataset::TensorFile file;
  file.kind = "vae";
  file.config =
      R"({"latent": 4, "hidden": [], "activation": "tanh", "likelihood": "beta-binomial"})";
  file.shape = {1, 3, 3, 0};
  const auto add = [&](const std::string& name, int64_t inputs, int64_t outputs) {
    std::vector<float> values(static_cast<size_t>(inputs * outputs));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = (i % 3 == 0 ? -1.0F : 0.5F) * (i % 7 == 0 ? 20.0F : 0.3F);
    testing::add_layer(file, name, values, std::span(values).first(static_cast<size_t>(outputs)));
  };
  add("posterior", 9, 8);
  add("outputs", 4, 18);
  return make_network_model(file, "fuzz");
}

void decode_any(const ModelCodes& codes, std::string_view bytes) {
  if (!is_small(codes)) return;
  const auto model = make_component_model(codes);
  decode_chunk(*model, bytes, static_cast<uint32_t>(1 + bytes.size() % 50), 0, 1,
               {static_cast<Scheme>(bytes.size() % 3), 2});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size < 2) return 0;
  try {
    if (data[0] == 'V') {
      const VbbFile file = read_vbb(bytes, "fuzz");
      if (!is_small(parse_model(file.header.model))) return 0;
      DecompressOptions options;
      options.salvage = true;
      const auto model = model_of(file, "fuzz", nullptr);
      if (file.header.layout.format == vinci::dataset::TableFormat::kPictures) {
        vinci::dataset::PictureWriter writer(file.header.layout,
                                             [](const std::string& name, std::string_view) {
                                               if (name.starts_with("/")) std::abort();
                                             });
        decompress(file, "fuzz", *model, options, writer, vinci::Context());
        return 0;
      }
      decompress(file, "fuzz", *model, options, [](std::string_view) {}, vinci::Context());
    } else if (data[0] == 'N') {
      static const TableModelPtr model = network();
      decode_chunk(*model, bytes.substr(1), static_cast<uint32_t>(1 + size % 20), 0, 1,
                   {static_cast<Scheme>(data[1] % 3), 2});
    } else if (vinci::dataset::is_tensor_file(bytes)) {
      make_network_model(vinci::dataset::parse_tensor_file(bytes, "fuzz"), "fuzz");
    } else {
      // A model of the first bytes, a chunk of the rest.
      const size_t split = std::min<size_t>(data[1], size - 2);
      decode_any(parse_model(bytes.substr(2, split)), bytes.substr(2 + split));
    }
  } catch (const vinci::Error&) {
  }
  return 0;
}
