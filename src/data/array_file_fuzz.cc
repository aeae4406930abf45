// Any bytes as a NumPy file and as a CSV file: each gives values that fit their sizes, or
// diagnostics that can be rendered.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "data/csv.h"
#include "data/npy.h"
#include "source/render.h"

namespace {

using namespace vinci;

void expect_fit(const data::DataValue& value) {
  int64_t count = 1;
  for (const int64_t n : value.dims) count *= n;
  if (static_cast<size_t>(count) != value.values.size()) std::abort();
  double sum = 0;  // reads each number: mapped ones may lie outside of the file
  for (const double x : value.values) sum += x;
  volatile double used = sum;
  (void)used;
}

void expect_said(const source::DiagnosticSink& sink, const source::SourceMap& sources, bool ok) {
  if (ok == sink.has_errors()) std::abort();
  if (!ok && (render_text(sink, sources).empty() || render_json(sink, sources).empty())) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const int fd = memfd_create("fuzz", 0);
  if (fd < 0 || write(fd, bytes, size) != static_cast<ssize_t>(size)) std::abort();
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  {
    source::SourceMap sources;
    source::DiagnosticSink sink;
    const auto value = data::read_npy(path, sources, sink);
    if (value) expect_fit(*value);
    expect_said(sink, sources, value.has_value());
  }
  {
    source::SourceMap sources;
    source::DiagnosticSink sink;
    const auto value = data::read_csv_matrix(path, sources, sink);
    if (value) expect_fit(*value);
    expect_said(sink, sources, value.has_value());
  }
  {
    source::SourceMap sources;
    source::DiagnosticSink sink;
    for (const auto& [name, value] : data::read_csv(path, {}, sources, sink)) expect_fit(value);
    if (sink.has_errors()) expect_said(sink, sources, false);
  }
  close(fd);
  return 0;
}
