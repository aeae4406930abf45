// Any bytes as a program without data: what the checker accepts is traced, and its density and
// generated quantities are evaluated once. Small limits keep a run short.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "check/check.h"
#include "graph/graph.h"
#include "lower/lower.h"
#include "numeric/random/random_stream.h"
#include "source/diagnostic.h"
#include "source/render.h"
#include "source/source_file.h"
#include "syntax/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vinci;
  source::SourceMap sources;
  source::DiagnosticSink sink;
  const source::FileId file =
      sources.add("fuzz.stan", std::string(reinterpret_cast<const char*>(data), size));
  syntax::ParseOptions parse_options;
  parse_options.lex.resolver = [](const std::string&, source::FileId) { return source::FileId{}; };
  syntax::Program program = syntax::parse(file, sources, sink, parse_options);
  if (sink.has_errors()) return 0;
  const std::optional<check::TypedProgram> typed = check::check(std::move(program), sink);
  if (!typed) return 0;

  lower::LowerOptions options;
  options.trace.max_loop_steps = 2000;
  options.trace.max_call_depth = 100;
  options.trace.max_nodes = 20'000;
  options.trace.max_elements = 1000;
  const auto lowered = lower::lower(*typed, {}, options, sink);
  source::render_text(sink, sources);
  if (!lowered) return 0;
  const std::vector<double> theta(static_cast<size_t>(lowered->num_unconstrained), 0.25);
  const auto result = graph::reference_evaluate(lowered->graph, theta, lowered->constrained);
  try {
    lower::GeneratedQuantities generated(*typed, *lowered, options.trace);
    numeric::RandomStream random(1);
    std::vector<double> out(generated.names().size());
    generated.evaluate(result.outputs, random, out);
  } catch (const lower::TraceError&) {
    // A size of a generated quantity.
  }
  return 0;
}
