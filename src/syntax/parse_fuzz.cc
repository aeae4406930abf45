// Fuzzes lexer, parser, dumper and formatter: any bytes give a tree or diagnostics, and what
// formats parses again to the same tree and is a fixed point.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "source/diagnostic.h"
#include "source/source_file.h"
#include "syntax/dump.h"
#include "syntax/format.h"
#include "syntax/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vinci;
  source::SourceMap sources;
  source::DiagnosticSink sink;
  syntax::ParseOptions options;
  // Includes find the program itself: a cycle; without expansion they are comments.
  const source::FileId file =
      sources.add("fuzz.stan", std::string(reinterpret_cast<const char*>(data), size));
  options.lex.resolver = [file](const std::string&, source::FileId) { return file; };
  const syntax::Program expanded = syntax::parse(file, sources, sink, options);
  syntax::dump(expanded);

  sink.clear();
  options.lex.expand_includes = false;
  const syntax::Program program = syntax::parse(file, sources, sink, options);
  if (sink.has_errors()) return 0;
  const std::string once = syntax::format(program, file, sources);
  const source::FileId formatted_file = sources.add("formatted.stan", once);
  const syntax::Program formatted = syntax::parse(formatted_file, sources, sink, options);
  VINCI_CHECK(!sink.has_errors());
  VINCI_CHECK(syntax::dump(program) == syntax::dump(formatted));
  VINCI_CHECK(program.comments.size() == formatted.comments.size());
  VINCI_CHECK(syntax::format(formatted, formatted_file, sources) == once);
  return 0;
}
