// What the readers of this folder throw where a file is not what it should be. It does not leave
// the folder: read_image_set makes it a diagnostic, open_table an Error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "source/diagnostic.h"

namespace vinci::dataset {

struct FormatFault {
  source::DiagnosticKind kind = source::DiagnosticKind::kImageSetFormat;
  std::string path;
  std::string clause;              ///< goes on from "the file `path`", such as "ends early"
  std::optional<uint64_t> offset;  ///< the byte of the file (unpacked) where it shows
  std::optional<uint64_t> line;    ///< of text, from 1
  std::string hint;

  FormatFault(std::string which, std::string what, std::optional<uint64_t> where = {},
              std::string advice = {})
      : path(std::move(which)), clause(std::move(what)), offset(where), hint(std::move(advice)) {}
  /// What another reader reported: its message is the whole clause.
  explicit FormatFault(const source::Diagnostic& reported)
      : kind(reported.kind), clause(reported.message), hint(reported.hint) {}
  static FormatFault at_line(std::string path, uint64_t line, std::string what);

  FormatFault&& of(source::DiagnosticKind other) && {
    kind = other;
    return std::move(*this);
  }
  /// "the file `x` ends early (byte 12)", "`x`, line 3: field 1 is empty".
  std::string message() const;
  /// The same as a sentence for an Error.
  std::string sentence() const;
  void report(source::DiagnosticSink& sink) const;
};

}  // namespace vinci::dataset
