// The abstract syntax tree of a Stan program: records in stores, named by ids. The parser fills
// everything but the fields marked "check", which the type checker fills; a checked Program is what
// `lower` traces.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/id.h"
#include "source/span.h"
#include "syntax/type.h"

namespace vinci::syntax {

struct ExprTag;
struct StmtTag;
struct FunctionTag;
struct VariableTag;
using ExprId = base::Id<ExprTag>;
using StmtId = base::Id<StmtTag>;
using FunctionId = base::Id<FunctionTag>;
using VariableId = base::Id<VariableTag>;

using source::Span;

enum class BlockKind : uint8_t {
  kFunctions,
  kData,
  kTransformedData,
  kParameters,
  kTransformedParameters,
  kModel,
  kGeneratedQuantities,
};
inline constexpr int kNumBlocks = 7;

enum class Operator : uint8_t {
  kNone,
  // binary
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kIntDivide,    // %/%
  kModulo,       // %
  kLeftDivide,   // backslash
  kEltMultiply,  // .*
  kEltDivide,    // ./
  kPower,        // ^
  kEltPower,     // .^
  kOr,
  kAnd,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  // unary
  kNot,
  kNegate,
  kPlus,
  // postfix
  kTranspose,
};

// Expressions.

struct IndexExpr {
  enum class Kind : uint8_t {
    kAll,      // `:` or nothing
    kSingle,   // `e`; a multi-index where e is an int array
    kFrom,     // `a:`
    kUpTo,     // `:b`
    kBetween,  // `a:b`
  };
  Kind kind = Kind::kAll;
  ExprId low;   // e or a
  ExprId high;  // b
};

/// What a checked name stands for.
enum class CallTarget : uint8_t {
  kUnresolved,
  kLibrary,  // a function of the language's library, dispatched by name and argument types
  kUser,     // Program::functions[Expr::function]
};

struct Expr {
  enum class Kind : uint8_t {
    kIntLiteral,        // integer
    kRealLiteral,       // number
    kImaginaryLiteral,  // number
    kStringLiteral,     // text; only in print, reject, fatal_error, profile
    kVariable,          // name
    kUnary,             // op, args[0]
    kBinary,            // op, args[0], args[1]
    kPostfix,           // op (transpose), args[0]
    kTernary,           // args[0] ? args[1] : args[2]
    kIndexed,           // args[0][indices]
    kCall,              // name(args), or name(args[0] | args[1...]) where `conditional`
    kArrayLiteral,      // {args}
    kRowVectorLiteral,  // [args]; a matrix where the elements are row vectors
    kTuple,             // (args), two or more, or one with a trailing comma
    kProjection,        // args[0].integer, 1-based
    kParenthesised,     // (args[0])
    kTarget,            // target()
    kError,             // where the parser recovered
  };
  Kind kind = Kind::kError;
  Operator op = Operator::kNone;
  bool conditional = false;
  CallTarget target = CallTarget::kUnresolved;  // check
  Span span;
  Span name_span;    // of the name of a call
  std::string name;  // of kVariable and kCall; the spelling of a number
  std::string text;  // of a string, without its quotes
  int64_t integer = 0;
  double number = 0;
  std::vector<ExprId> args;
  std::vector<IndexExpr> indices;
  Type type;             // check
  VariableId variable;   // check: of kVariable, unless it names a function
  FunctionId function;   // check: of a user function called or named
  bool is_data = false;  // check: depends on no parameter (data, transformed data, literals, loop
                         // counters of those)
};

// Declarations.

enum class ConstraintKind : uint8_t {
  kNone,
  kLower,             // low
  kUpper,             // high
  kLowerUpper,        // low, high
  kOffset,            // low
  kMultiplier,        // high
  kOffsetMultiplier,  // low, high
  kOrdered,
  kPositiveOrdered,
  kSimplex,
  kUnitVector,
  kSumToZero,  // sum_to_zero_vector, sum_to_zero_matrix
  kCholeskyFactorCorr,
  kCholeskyFactorCov,
  kCorrMatrix,
  kCovMatrix,
  kColumnStochastic,
  kRowStochastic,
};

struct Constraint {
  ConstraintKind kind = ConstraintKind::kNone;
  ExprId low;   // lower or offset
  ExprId high;  // upper or multiplier
};

/// A type with sizes: `array[N] vector<lower=0>[K]`. The base of `simplex[K]` is kVector, of
/// `corr_matrix[K]` kMatrix.
struct SizedType {
  BaseType base = BaseType::kError;
  Constraint constraint;
  std::vector<ExprId> array_dims;
  std::vector<ExprId> dims;  // vector: 1; matrix: rows, cols; square constrained matrices: 1;
                             // cholesky_factor_cov: 1 or 2
  std::vector<SizedType> elements;  // tuple
  Span span;

  Type unsized() const {
    Type type{base, static_cast<int>(array_dims.size()), {}};
    for (const SizedType& element : elements) type.elements.push_back(element.unsized());
    return type;
  }
};

/// A declared name: a global, a local, a function argument or a loop variable. The checker creates
/// these.
struct Variable {
  enum class Role : uint8_t { kGlobal, kLocal, kArgument, kLoop };
  std::string name;
  Type type;
  Role role = Role::kLocal;
  BlockKind block = BlockKind::kModel;  // where it is declared
  bool is_data = false;
  Span span;
  StmtId declaration;  // its kDeclaration statement, where there is one
};

// Statements.

struct Stmt {
  enum class Kind : uint8_t {
    kDeclaration,  // decl_type name [= expr]; `variable`
    kAssign,  // lhs op= expr; op is kNone for plain `=`; lhs is kVariable, kIndexed, kProjection or
              // kTuple
    kTargetPlus,    // target += expr
    kJacobianPlus,  // jacobian += expr
    kTilde,         // lhs ~ name(args) T[truncation_low, truncation_high]
    kCall,          // expr, a call of a void function
    kPrint,         // args
    kReject,        // args
    kFatalError,    // args
    kIf,            // expr, body, else_body (may be invalid)
    kWhile,         // expr, body
    kFor,           // name in low:high, body; `variable`
    kForEach,       // name in expr, body; `variable`
    kBlock,         // stmts
    kProfile,       // text, stmts
    kBreak,
    kContinue,
    kReturn,  // expr, invalid in a void function
    kEmpty,   // ;
  };
  Kind kind = Kind::kEmpty;
  Operator op = Operator::kNone;
  bool truncated = false;
  bool is_global = false;  // a declaration at the top of a block other than `model`
  bool continues_declaration =
      false;  // `b` of `real a, b;`: shares the type's expressions with `a`
  Span span;
  Span name_span;
  std::string name;  // declared name, loop variable, distribution of a `~`
  std::string text;  // profile label
  SizedType decl_type;
  ExprId lhs;
  ExprId expr;
  ExprId low, high;          // for bounds; truncation bounds, each may be invalid
  std::vector<ExprId> args;  // distribution arguments; print, reject arguments
  std::vector<StmtId> stmts;
  StmtId body, else_body;
  VariableId variable;                          // check
  CallTarget target = CallTarget::kUnresolved;  // check: of the distribution of a `~`
  FunctionId function;                          // check: of the user's _lpdf/_lpmf of a `~`
};

// Functions, program.

struct FunctionArgument {
  std::string name;
  Type type;
  bool is_data = false;  // declared `data`
  Span span;
  VariableId variable;  // check
};

struct Function {
  std::string name;
  Type return_type;
  std::vector<FunctionArgument> arguments;
  StmtId body;                           // invalid for a forward declaration
  std::vector<std::string> annotations;  // `@deprecated` and the like, without the @
  Span span;
  Span name_span;
  Span arguments_span;  // with the parentheses
};

/// With its delimiters. An `#include` line that was not expanded is one too.
struct Comment {
  Span span;
};

struct Block {
  bool present = false;
  Span span;
  std::vector<StmtId>
      stmts;  // declarations and statements, in order; functions stand in Program::functions
};

struct Program {
  base::Store<Expr, ExprId> exprs;
  base::Store<Stmt, StmtId> stmts;
  base::Store<Function, FunctionId> functions;  // in source order, forward declarations included
  base::Store<Variable, VariableId> variables;  // check
  Block blocks[kNumBlocks];
  std::vector<Comment> comments;  // in source order, for the formatter
  /// Where the parser recovered: what it skipped, and the identifiers there. Statements that it
  /// gave up are left out of the tree.
  std::vector<Span> unparsed;
  std::set<std::string> unparsed_names;
  bool functions_only = false;  // functions without blocks

  Block& block(BlockKind kind) { return blocks[static_cast<int>(kind)]; }
  const Block& block(BlockKind kind) const { return blocks[static_cast<int>(kind)]; }
};

}  // namespace vinci::syntax
