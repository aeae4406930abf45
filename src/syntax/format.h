// The formatter: a parsed program as text in one canonical style, comments in their places.
#pragma once

#include <string>

#include "source/source_file.h"
#include "syntax/ast.h"

namespace vinci::syntax {

struct FormatOptions {
  int max_columns = 80;
};

/// The program in canonical style: two blanks of indentation, one statement a line, lines broken
/// before `max_columns` where they can be, runs of blank lines reduced to one, older forms of the
/// language in their modern form.
///
/// `program` comes from file `file` without errors and with `expand_includes = false`, so that
/// `#include` lines stay as they are. Laws, for every such program:
/// 1. The result parses without errors, to the same tree (`dump` of both is equal) with the same
/// comments in order.
/// 2. Formatting the result again gives the result.
/// O(nodes + bytes).
std::string format(const Program& program, source::FileId file, const source::SourceMap& sources,
                   const FormatOptions& options = {});

}  // namespace vinci::syntax
