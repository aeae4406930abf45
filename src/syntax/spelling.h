// How operators and declared types are written: for the formatter and the dumper.
#pragma once

#include <string_view>

#include "syntax/ast.h"

namespace vinci::syntax {

std::string_view spelling(Operator op);
/// Larger binds tighter; 0 for operators that are not binary. [Stan reference manual, "Operator
/// precedence table"]
int precedence(Operator op);
/// `real`, `row_vector`, `complex_matrix`, ...; `unknown` for kError.
std::string_view base_keyword(BaseType base);
/// `vector`, `simplex`, `cholesky_factor_cov`, ...: the keyword of a type with this base and
/// constraint.
std::string_view type_keyword(BaseType base, ConstraintKind constraint);
/// The words of the two bounds: `lower` and `upper`, or `offset` and `multiplier`; empty where it
/// has no bounds.
struct BoundWords {
  std::string_view low, high;
};
BoundWords bound_words(ConstraintKind constraint);

}  // namespace vinci::syntax
