#include "dataset/format_fault.h"

#include <fmt/format.h>

namespace vinci::dataset {

FormatFault FormatFault::at_line(std::string path, uint64_t line, std::string what) {
  FormatFault out(std::move(path), std::move(what));
  out.kind = source::DiagnosticKind::kCsvFormat;
  out.line = line;
  return out;
}

std::string FormatFault::message() const {
  if (path.empty()) return clause;
  if (line) return fmt::format("`{}`, line {}: {}", path, *line, clause);
  std::string out = fmt::format("the file `{}` {}", path, clause);
  if (offset) out += fmt::format(" (byte {})", *offset);
  return out;
}

std::string FormatFault::sentence() const {
  std::string out = message();
  if (out[0] == 't') out[0] = 'T';  // the file
  if (!hint.empty()) out += "; " + hint;
  return out + '.';
}

void FormatFault::report(source::DiagnosticSink& sink) const {
  auto& error = sink.error(kind, {}, message());
  if (!hint.empty()) error.with_hint(hint);
}

}  // namespace vinci::dataset
