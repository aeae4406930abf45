// The tree of a program as text: one statement a line, expressions as S-expressions (`--dump=ast`).
#pragma once

#include <string>

#include "syntax/ast.h"

namespace vinci::syntax {

/// Holds all that the parser found but places and spellings of blanks and comments: two programs
/// with equal dumps mean the same. O(nodes).
std::string dump(const Program& program);
std::string dump(const Program& program, ExprId expr);

}  // namespace vinci::syntax
