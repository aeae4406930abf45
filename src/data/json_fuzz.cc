// libFuzzer: any bytes as a JSON data file give a table or diagnostics, and every diagnostic can be
// rendered.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "data/json.h"
#include "source/render.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vinci::source::SourceMap sources;
  vinci::source::DiagnosticSink sink;
  const auto file =
      sources.add("fuzz.json", std::string(reinterpret_cast<const char*>(data), size));
  const vinci::data::DataTable table = vinci::data::read_json(file, sources, sink);
  for (const auto& [name, value] : table) {
    if (value.is_tuple()) continue;
    int64_t count = 1;
    for (const int64_t n : value.dims) count *= n;
    if (static_cast<size_t>(count) != value.values.size()) std::abort();
  }
  const std::string text = render_text(sink, sources);
  const std::string json = render_json(sink, sources);
  if (sink.has_errors() && (text.empty() || json.empty())) std::abort();
  return 0;
}
