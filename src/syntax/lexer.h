// The lexer: text of a program and of the files it includes -> tokens and comments.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "source/diagnostic.h"
#include "source/source_file.h"
#include "syntax/ast.h"
#include "syntax/token.h"

namespace vinci::syntax {

/// Finds the file of an `#include`: adds it to the map and returns its id, or an invalid id where
/// there is none (the caller then reports it). `including` is the file that holds the directive.
using IncludeResolver =
    std::function<source::FileId(const std::string& name, source::FileId including)>;

struct LexOptions {
  /// Directories searched for `#include`, in order, after that of the including file.
  std::vector<std::string> include_paths;
  /// Used instead of the file system where set.
  IncludeResolver resolver;
  /// false: `#include` lines are kept as comments, as the formatter wants them.
  bool expand_includes = true;
};

/// Bounds on hostile input: includes inside includes, their number, and bytes in all.
inline constexpr int kMaxIncludeDepth = 64;
inline constexpr int kMaxIncludes = 10'000;

struct LexResult {
  std::vector<Token> tokens;      // ends with kEndOfFile
  std::vector<Comment> comments;  // in the order of reading
};

/// Splits file `main` into tokens. Reports unknown characters, malformed literals, unterminated
/// comments and strings, missing or circular includes, and old `#` comments (once, as a warning);
/// never fails otherwise. O(bytes); at most source::kMaxProgramBytes in all, more is refused with
/// `file-too-large`.
LexResult lex(source::FileId main, source::SourceMap& sources, source::DiagnosticSink& sink,
              const LexOptions& options = {});

}  // namespace vinci::syntax
