// A stretch of source text. Every token, AST node, graph term and data value carries one.
#pragma once

#include <cstdint>

#include "base/id.h"

namespace vinci::source {

struct FileTag;
/// A file of a SourceMap.
using FileId = base::Id<FileTag>;

/// Bytes [begin, end) of one file. A default-made span points nowhere: diagnostics without a place.
struct Span {
  FileId file;
  uint32_t begin = 0;
  uint32_t end = 0;

  constexpr bool valid() const { return file.valid(); }
  constexpr uint32_t size() const { return end - begin; }
  friend constexpr bool operator==(Span, Span) = default;
};
static_assert(sizeof(Span) == 12, "spans lie in every AST node and graph term");

/// The smallest span that covers both. Where they lie in different files (or one points nowhere):
/// the first that is valid.
constexpr Span join(Span a, Span b) {
  if (!a.valid()) return b;
  if (!b.valid() || a.file != b.file) return a;
  return {a.file, a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}

}  // namespace vinci::source
