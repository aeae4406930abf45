// The type checker: from a parsed program to a TypedProgram, or diagnostics.
// Neighbours: syntax/ast.h (what comes in), library.h (the functions of the language), lower/ (who
// uses the result).
#pragma once

#include <optional>
#include <string>

#include "source/diagnostic.h"
#include "syntax/ast.h"

namespace vinci::check {

/// A program that keeps all rules of the language. Every field of the tree marked "check" is
/// filled: types and `is_data` of all expressions, the variables store, call targets, user function
/// ids.
///
/// Laws:
/// 1. No expression has type kError, kVoid (except the call of a kCall statement) or kFunction
///    (except the function arguments of higher-order functions, whose `function` is set).
/// 2. Every kVariable expression has `variable` or `function`; every kCall a target; a kUser target
///    names a function with a body.
/// 3. Promotions (int to real to complex) are implicit: a place may hold a value of a lesser type.
struct TypedProgram {
  syntax::Program program;
};

/// Checks `program` and reports every independent fault to `sink`; nullopt if there is an error
/// (the sink's earlier errors do not count). Of a program in which the parser recovered, what is
/// there is checked; faults that may come from what is missing are not reported.
/// Expressions of any depth are safe: they are checked without recursion. O(size of the program),
/// plus per call the number of its overloads.
std::optional<TypedProgram> check(syntax::Program program, source::DiagnosticSink& sink);

/// The typed tree as indented text, one node a line: what `--dump=typed` prints.
std::string dump_typed(const TypedProgram& typed);

}  // namespace vinci::check
