// SourceFile: the text of a program or data file and the way from byte offsets to lines and
// columns. SourceMap: the store of all files of a run, so that a Span can name its file
// (`#include`, data files).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "source/span.h"

namespace vinci::source {

/// A position for people: 1-based line; 1-based column counted in Unicode code points.
struct Location {
  uint32_t line = 0;
  uint32_t column = 0;
};

/// Immutable text with a name. Bytes are kept as they are: CR LF, tabs and broken UTF-8 are not
/// repaired.
class SourceFile {
 public:
  /// `first` is the place of the text's first byte: later than 1:1 for an excerpt of a file that is
  /// not held whole (see SourceMap::add_excerpt).
  SourceFile(std::string name, std::string text, Location first = {1, 1});

  const std::string& name() const { return name_; }
  std::string_view text() const { return text_; }
  uint32_t size() const { return static_cast<uint32_t>(text_.size()); }

  /// Line and column of byte `offset`; an offset past the end gives the end. Lines end with LF; a
  /// byte of a broken UTF-8 sequence counts as the sequence does for a decoder that looks only at
  /// lead bytes. O(log lines + length of the line); the first call also scans the text for line
  /// ends. Thread-safe.
  Location location(uint32_t offset) const;

  /// Bytes of the line (numbered as in `location`) without its line end; empty if there is no such
  /// line.
  std::string_view line_text(uint32_t line) const;
  /// Offset of the first byte of the line that holds `offset`.
  uint32_t line_begin(uint32_t offset) const;
  uint32_t num_lines() const;

 private:
  const std::vector<uint32_t>& line_starts() const;
  size_t line_index(uint32_t offset) const;

  std::string name_;
  std::string text_;
  Location first_;
  mutable std::once_flag lines_once_;
  mutable std::vector<uint32_t> line_starts_;
};

/// The outcome of reading a file: one of these, never an exception.
enum class ReadStatus { kOk, kNotFound, kNotAFile, kNoPermission, kTooLarge, kFailed };

/// Reads all of `path` (a regular file, pipe or `/dev/stdin`) into `text`, at most `max_bytes`.
/// On failure `reason` is a clause such as "no such file" and `text` is empty.
ReadStatus read_text_file(const std::string& path, size_t max_bytes, std::string& text,
                          std::string& reason);

/// Programs larger than this are refused: the largest known real ones have some hundred kilobytes.
inline constexpr size_t kMaxProgramBytes = size_t{16} << 20;
/// Data files are limited by the 32-bit offsets of Span.
inline constexpr size_t kMaxDataBytes = size_t{0xFFFF0000};

class DiagnosticSink;

/// Append-only; files never move, so views of their text live as long as the map.
class SourceMap {
 public:
  SourceMap() = default;
  SourceMap(const SourceMap&) = delete;
  SourceMap& operator=(const SourceMap&) = delete;

  /// Adds text held in memory. Text past kMaxDataBytes is a broken invariant: read with a limit.
  FileId add(std::string name, std::string text);
  /// Adds a part of a file that is not held whole (a memory-mapped table): `text` begins at
  /// `first`.
  FileId add_excerpt(std::string name, std::string text, Location first);
  /// Reads `path`. On failure reports `file-not-found`, `file-unreadable` or `file-too-large` at
  /// `from` (the place of an `#include`, or nowhere) and returns an invalid id.
  FileId add_from_path(const std::string& path, size_t max_bytes, DiagnosticSink& sink,
                       Span from = {});

  const SourceFile& operator[](FileId id) const;
  /// The bytes of a span; empty for a span that points nowhere.
  std::string_view text(Span span) const;
  /// `file:line:col` of a span's begin; empty for a span that points nowhere.
  std::string describe(Span span) const;
  int32_t size() const { return static_cast<int32_t>(files_.size()); }

 private:
  std::deque<SourceFile> files_;
};

}  // namespace vinci::source
