// The parser: a program's text -> syntax::Program, or diagnostics. What the checker is given.
#pragma once

#include "source/diagnostic.h"
#include "source/source_file.h"
#include "syntax/ast.h"
#include "syntax/lexer.h"

namespace vinci::syntax {

struct ParseOptions {
  LexOptions lex;
  /// The text is a list of function definitions without blocks (a `.stanfunctions` file).
  bool functions_only = false;
};

/// No path from a root of the tree to a leaf is longer: brackets, unary operators, blocks, but also
/// the left-leaning tree of `a + b + c + ...` and the right-leaning one of `else if`. Later stages
/// may recurse on the tree.
inline constexpr int kMaxTreeHeight = 1000;
/// Expressions and statements in all; a table of numbers belongs into the data file.
inline constexpr int kMaxNodes = 4'000'000;

/// Parses file `main` of `sources`; included files are added to `sources`.
///
/// Laws:
/// 1. Any byte sequence gives a Program; it is one to go on with iff the sink gained no error.
/// Where the parser
///    recovered stand kError expressions; statements that it gave up are left out, and
///    Program::unparsed says where they stood.
/// 2. Every independent fault is reported once, at its place; the parser resumes at `;`, `}` and
/// block headers.
/// 3. Older forms of the language (arrays as `real x[N]`, `<-`, `#` comments, `increment_log_prob`,
/// `_log` densities,
///    `if_else`, ...) are accepted with one `deprecated-syntax` warning per kind that shows the
///    modern form; the tree holds the modern form.
/// 4. The tree is no higher than kMaxTreeHeight and has no more than kMaxNodes nodes; else
/// `nesting-too-deep` or
///    `file-too-large` is reported.
///
/// Names declared in one statement, `real a, b;`, become one declaration each; they share the
/// expressions of their type (Stmt::continues_declaration). O(bytes). Grammar: Stan reference
/// manual 2.36, "Language syntax" and "Operator precedence table".
Program parse(source::FileId main, source::SourceMap& sources, source::DiagnosticSink& sink,
              const ParseOptions& options = {});

/// `model`, `transformed data`, ...
std::string_view block_name(BlockKind kind);

}  // namespace vinci::syntax
