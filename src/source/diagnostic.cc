#include "source/diagnostic.h"

#include "base/check.h"

namespace vinci::source {

namespace {

struct KindRow {
  std::string_view id;
  std::string_view description;
};

constexpr KindRow kKindRows[] = {
#define VINCI_DIAGNOSTIC(name, id, description) {id, description},
#include "source/diagnostics.def"
#undef VINCI_DIAGNOSTIC
};

const KindRow& row(DiagnosticKind kind) {
  const int index = static_cast<int>(kind);
  VINCI_CHECK(index < kNumDiagnosticKinds);
  return kKindRows[index];
}

}  // namespace

std::string_view kind_id(DiagnosticKind kind) { return row(kind).id; }
std::string_view kind_description(DiagnosticKind kind) { return row(kind).description; }

Diagnostic& DiagnosticSink::add(Diagnostic diagnostic) {
  // Two stages that see the same fault report it once.
  if (diagnostic.span.valid()) {
    for (Diagnostic& d : diagnostics_) {
      if (d.severity == diagnostic.severity && d.kind == diagnostic.kind &&
          d.span == diagnostic.span) {
        return dropped_ = std::move(diagnostic);
      }
    }
  }
  bool keep = true;
  if (diagnostic.severity == Severity::kError) keep = ++num_errors_ <= max_errors_;
  if (diagnostic.severity == Severity::kWarning) keep = ++num_warnings_ <= max_errors_;
  if (!keep) return dropped_ = std::move(diagnostic);
  return diagnostics_.emplace_back(std::move(diagnostic));
}

void DiagnosticSink::drop_notes() {
  std::erase_if(diagnostics_, [](const Diagnostic& d) { return d.severity == Severity::kNote; });
}

void DiagnosticSink::clear() {
  num_errors_ = num_warnings_ = 0;
  diagnostics_.clear();
}

}  // namespace vinci::source
