// Any bytes as a program: lexer, parser and checker answer with a tree or diagnostics. What is
// accepted can be dumped.
#include <cstddef>
#include <cstdint>
#include <string>

#include "check/check.h"
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
  syntax::ParseOptions options;
  options.lex.resolver = [](const std::string&, source::FileId) { return source::FileId{}; };
  syntax::Program program = syntax::parse(file, sources, sink, options);
  if (!sink.has_errors()) {
    const std::optional<check::TypedProgram> typed = check::check(std::move(program), sink);
    if (typed) check::dump_typed(*typed);
  }
  source::render_text(sink, sources);
  return 0;
}
