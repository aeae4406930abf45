// Diagnostics as people and programs read them.
#pragma once

#include <string>
#include <string_view>

#include "source/diagnostic.h"
#include "source/source_file.h"

namespace vinci::source {

struct RenderOptions {
  bool colour = false;
  /// Source lines are cut to about this many columns around the caret.
  int max_columns = 100;
};

/// One diagnostic:
///
///     m.stan:9:19: error: argument 2 of `normal` has type `array[] int` [argument-type]
///       y ~ normal(mu, k);
///                      ^
///     m.stan:3:9: note: `k` is declared here
///     hint: ...
///
/// Ends with a line feed. Control characters and broken UTF-8 of the source or message print as
/// U+FFFD, tabs as blanks, so that no file can steer the terminal; the output is bounded whatever
/// the length of the line or message.
std::string render_text(const Diagnostic& diagnostic, const SourceMap& sources,
                        const RenderOptions& options = {});
/// All of a sink, one after the other, then how many were left out beyond its limit.
std::string render_text(const DiagnosticSink& sink, const SourceMap& sources,
                        const RenderOptions& options = {});

/// `{"diagnostics": [{"severity", "kind", "message", "file", "line", "column", "end_line",
/// "end_column", "notes": [{"message", "file", ...}], "hint"}], "errors": n, "warnings": n}` on one
/// line, with a line feed. Members without a value (place, hint) are left out. Always valid UTF-8.
std::string render_json(const DiagnosticSink& sink, const SourceMap& sources);

/// A JSON string with its quotes; broken UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

}  // namespace vinci::source
