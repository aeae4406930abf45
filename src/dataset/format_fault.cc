#include "dataset/format_fault.h"

#include <fmt/format.h>

namespace vinci::dataset {

namespace {

std::string text(const FormatFault& fault, const char* the) {
  std::string out = fmt::format("{} file `{}` {}", the, fault.path, fault.clause);
  if (fault.offset) out += fmt::format(" (byte {})", *fault.offset);
  return out;
}

}  // namespace

std::string FormatFault::message() const { return text(*this, "the"); }

std::string FormatFault::sentence() const {
  std::string out = text(*this, "The");
  if (!hint.empty()) out += "; " + hint;
  return out + '.';
}

void FormatFault::report(source::DiagnosticSink& sink) const {
  auto& error = sink.error(kind, {}, message());
  if (!hint.empty()) error.with_hint(hint);
}

}  // namespace vinci::dataset
