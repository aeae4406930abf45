// Diagnostics: what is wrong with a user's program, data or options, where, and what to do.
// Stages report to a DiagnosticSink and go on; render.h turns what it collected into text or JSON.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/span.h"

namespace vinci::source {

/// One enumerator `kName` per row of diagnostics.def.
enum class DiagnosticKind : uint16_t {
#define VINCI_DIAGNOSTIC(name, id, description) k##name,
#include "source/diagnostics.def"
#undef VINCI_DIAGNOSTIC
};

inline constexpr int kNumDiagnosticKinds = 0
#define VINCI_DIAGNOSTIC(name, id, description) +1
#include "source/diagnostics.def"
#undef VINCI_DIAGNOSTIC
    ;

/// The id that users see, such as `argument-type`.
std::string_view kind_id(DiagnosticKind kind);
/// What the kind means, in one line.
std::string_view kind_description(DiagnosticKind kind);

enum class Severity : uint8_t { kError, kWarning, kNote };

/// A remark that belongs to a diagnostic, with a place of its own or none.
struct Note {
  Span span;
  std::string message;
};

/// Messages are lower case without a full stop: what was found, then the rule; types and names in
/// backticks.
struct Diagnostic {
  Severity severity = Severity::kError;
  DiagnosticKind kind = DiagnosticKind::kSyntax;
  Span span;
  std::string message;
  std::vector<Note> notes;
  std::string hint;  ///< at most one: what to change, such as "did you mean `theta`?"

  /// For chaining: `sink.error(kind, span, "...").note(other, "declared here").with_hint("...")`.
  Diagnostic& note(Span where, std::string text) {
    notes.push_back({where, std::move(text)});
    return *this;
  }
  Diagnostic& with_hint(std::string text) {
    hint = std::move(text);
    return *this;
  }
};

/// Collects diagnostics in the order of their arrival. Keeps the first `max_errors` errors and as
/// many warnings; those beyond are counted only. A second one of the same kind at the same place is
/// dropped. References that it returns stay good until the next `clear`, except those of dropped
/// diagnostics, which the next report overwrites.
class DiagnosticSink {
 public:
  explicit DiagnosticSink(int max_errors = 20) : max_errors_(max_errors) {}

  Diagnostic& error(DiagnosticKind kind, Span span, std::string message) {
    return add({Severity::kError, kind, span, std::move(message), {}, {}});
  }
  Diagnostic& warning(DiagnosticKind kind, Span span, std::string message) {
    return add({Severity::kWarning, kind, span, std::move(message), {}, {}});
  }
  Diagnostic& add(Diagnostic diagnostic);

  bool has_errors() const { return num_errors_ > 0; }
  /// All errors reported, the dropped ones included.
  int num_errors() const { return num_errors_; }
  int num_warnings() const { return num_warnings_; }
  /// Enough errors have been seen: a stage may stop looking for more.
  bool full() const { return num_errors_ >= max_errors_; }
  int num_dropped_errors() const {
    return num_errors_ > max_errors_ ? num_errors_ - max_errors_ : 0;
  }
  int num_dropped_warnings() const {
    return num_warnings_ > max_errors_ ? num_warnings_ - max_errors_ : 0;
  }

  const std::deque<Diagnostic>& diagnostics() const { return diagnostics_; }
  bool empty() const { return diagnostics_.empty(); }
  /// Forgets the diagnostics that are no errors or warnings.
  void drop_notes();
  void clear();

 private:
  int max_errors_;
  int num_errors_ = 0;
  int num_warnings_ = 0;
  std::deque<Diagnostic> diagnostics_;
  Diagnostic dropped_;
};

}  // namespace vinci::source
