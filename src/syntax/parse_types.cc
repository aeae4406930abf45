// Types of declarations (with sizes and constraints) and of functions (without).
#include <fmt/format.h>

#include "syntax/parser.h"
#include "syntax/spelling.h"

namespace vinci::syntax {

using source::DiagnosticKind;

namespace {

struct TypeRow {
  TokenKind token;
  BaseType base;
  ConstraintKind constraint;
  int min_sizes;
  int max_sizes;
};
constexpr TypeRow kTypes[] = {
    {TokenKind::kInt, BaseType::kInt, ConstraintKind::kNone, 0, 0},
    {TokenKind::kReal, BaseType::kReal, ConstraintKind::kNone, 0, 0},
    {TokenKind::kComplex, BaseType::kComplex, ConstraintKind::kNone, 0, 0},
    {TokenKind::kVector, BaseType::kVector, ConstraintKind::kNone, 1, 1},
    {TokenKind::kRowVector, BaseType::kRowVector, ConstraintKind::kNone, 1, 1},
    {TokenKind::kMatrix, BaseType::kMatrix, ConstraintKind::kNone, 2, 2},
    {TokenKind::kComplexVector, BaseType::kComplexVector, ConstraintKind::kNone, 1, 1},
    {TokenKind::kComplexRowVector, BaseType::kComplexRowVector, ConstraintKind::kNone, 1, 1},
    {TokenKind::kComplexMatrix, BaseType::kComplexMatrix, ConstraintKind::kNone, 2, 2},
    {TokenKind::kOrdered, BaseType::kVector, ConstraintKind::kOrdered, 1, 1},
    {TokenKind::kPositiveOrdered, BaseType::kVector, ConstraintKind::kPositiveOrdered, 1, 1},
    {TokenKind::kSimplex, BaseType::kVector, ConstraintKind::kSimplex, 1, 1},
    {TokenKind::kUnitVector, BaseType::kVector, ConstraintKind::kUnitVector, 1, 1},
    {TokenKind::kSumToZeroVector, BaseType::kVector, ConstraintKind::kSumToZero, 1, 1},
    {TokenKind::kSumToZeroMatrix, BaseType::kMatrix, ConstraintKind::kSumToZero, 2, 2},
    {TokenKind::kCholeskyFactorCorr, BaseType::kMatrix, ConstraintKind::kCholeskyFactorCorr, 1, 1},
    {TokenKind::kCholeskyFactorCov, BaseType::kMatrix, ConstraintKind::kCholeskyFactorCov, 1, 2},
    {TokenKind::kCorrMatrix, BaseType::kMatrix, ConstraintKind::kCorrMatrix, 1, 1},
    {TokenKind::kCovMatrix, BaseType::kMatrix, ConstraintKind::kCovMatrix, 1, 1},
    {TokenKind::kColumnStochasticMatrix, BaseType::kMatrix, ConstraintKind::kColumnStochastic, 2,
     2},
    {TokenKind::kRowStochasticMatrix, BaseType::kMatrix, ConstraintKind::kRowStochastic, 2, 2},
};

const TypeRow* find_type(TokenKind token) {
  for (const TypeRow& row : kTypes) {
    if (row.token == token) return &row;
  }
  return nullptr;
}

}  // namespace

bool Parser::at_type() const {
  const TokenKind kind = peek().kind;
  return kind == TokenKind::kArray || kind == TokenKind::kTuple || find_type(kind) != nullptr;
}

SizedType Parser::sized_type(Scope scope) {
  const Span begin = peek().span;
  SizedType type;
  const DepthGuard guard(*this);
  if (!guard.ok() || panic_) return type;
  if (accept(TokenKind::kArray)) {
    expect(TokenKind::kLeftBracket, "after `array`");
    if (at(TokenKind::kRightBracket) || at(TokenKind::kComma)) {
      fail_expected("the size of the array",
                    "only arguments of functions are declared without sizes");
    }
    type.array_dims = arguments(TokenKind::kRightBracket);
  }
  const Token token = peek();
  if (panic_) return type;
  if (token.kind == TokenKind::kTuple) {
    advance();
    type.base = BaseType::kTuple;
    expect(TokenKind::kLeftParen, "after `tuple`");
    do {
      if (!type.elements.empty() && at(TokenKind::kRightParen)) break;
      type.elements.push_back(sized_type(scope));
    } while (accept(TokenKind::kComma));
    expect_close(TokenKind::kRightParen);
  } else if (const TypeRow* row = find_type(token.kind)) {
    advance();
    type.base = row->base;
    if (row->constraint != ConstraintKind::kNone) {
      type.constraint.kind = row->constraint;
      if (scope == Scope::kLocal) {
        remark(
            DiagnosticKind::kNotAllowedHere, token.span,
            fmt::format("{} is a constrained type; local variables have no constraints",
                        describe(token)),
            row->base == BaseType::kVector ? "declare it as `vector`" : "declare it as `matrix`");
        type.constraint = {};
      }
    }
    if (at(TokenKind::kLess)) constraint(type, scope);
    sizes(type, token.kind);
  } else {
    fail_expected("a type");
  }
  type.span = span_from(begin);
  return type;
}

void Parser::constraint(SizedType& type, Scope scope) {
  const Span begin = advance().span;
  Constraint parsed;
  do {
    const Token word = peek();
    const bool low = word.kind == TokenKind::kLower || word.kind == TokenKind::kOffset;
    const bool high = word.kind == TokenKind::kUpper || word.kind == TokenKind::kMultiplier;
    if (!low && !high) {
      fail_expected("`lower`, `upper`, `offset` or `multiplier`");
      return;
    }
    advance();
    expect(TokenKind::kAssign, fmt::format("after {}", describe(word)));
    const ExprId bound = binary(kAdditivePrecedence);
    const bool affine = word.kind == TokenKind::kOffset || word.kind == TokenKind::kMultiplier;
    const bool was_affine = parsed.kind == ConstraintKind::kOffset ||
                            parsed.kind == ConstraintKind::kMultiplier ||
                            parsed.kind == ConstraintKind::kOffsetMultiplier;
    ExprId& slot = low ? parsed.low : parsed.high;
    if (slot.valid() || (parsed.kind != ConstraintKind::kNone && affine != was_affine)) {
      fail(DiagnosticKind::kSyntax, word.span,
           fmt::format("{} stands with a constraint it does not go with", describe(word)),
           "a constraint is `lower` and `upper`, or `offset` and `multiplier`, each once");
      return;
    }
    slot = bound;
    const bool both = parsed.low.valid() && parsed.high.valid();
    if (affine) {
      parsed.kind = both  ? ConstraintKind::kOffsetMultiplier
                    : low ? ConstraintKind::kOffset
                          : ConstraintKind::kMultiplier;
    } else {
      parsed.kind = both  ? ConstraintKind::kLowerUpper
                    : low ? ConstraintKind::kLower
                          : ConstraintKind::kUpper;
    }
  } while (accept(TokenKind::kComma));
  expect(TokenKind::kGreater, "at the end of the constraint");
  if (panic_) return;
  if (type.constraint.kind != ConstraintKind::kNone) {
    remark(DiagnosticKind::kSyntax, span_from(begin),
           "this type has a constraint of its own; bounds do not go with it");
    return;
  }
  if (scope == Scope::kLocal) {
    remark(DiagnosticKind::kNotAllowedHere, span_from(begin), "local variables have no constraints",
           "leave it out; a comment can say it");
    return;
  }
  type.constraint = parsed;
}

void Parser::sizes(SizedType& type, TokenKind keyword) {
  const TypeRow* row = find_type(keyword);
  if (panic_ || row->max_sizes == 0) {
    return;
  }
  const std::string_view name = spelling(keyword);
  if (!at(TokenKind::kLeftBracket)) {
    fail_expected(fmt::format("the size{} of `{}`", row->max_sizes > 1 ? "s" : "", name),
                  row->max_sizes > 1 ? fmt::format("write `{}[M, N]`", name)
                                     : fmt::format("write `{}[N]`", name));
    return;
  }
  const Span begin = advance().span;
  if (at(TokenKind::kRightBracket) || at(TokenKind::kComma)) {
    fail_expected(fmt::format("a size of `{}`", name),
                  "only arguments of functions are declared without sizes");
    return;
  }
  type.dims = arguments(TokenKind::kRightBracket);
  const int count = static_cast<int>(type.dims.size());
  if (panic_ || (count >= row->min_sizes && count <= row->max_sizes)) return;
  remark(DiagnosticKind::kSyntax, span_from(begin),
         fmt::format("`{}` takes {} size{}; found {}", name, row->max_sizes,
                     row->max_sizes == 1 ? "" : "s", count));
  while (static_cast<int>(type.dims.size()) > row->max_sizes) type.dims.pop_back();
  while (static_cast<int>(type.dims.size()) < row->min_sizes) type.dims.push_back(type.dims.back());
}

Type Parser::unsized_type() {
  Type type;
  const DepthGuard guard(*this);
  if (!guard.ok() || panic_) return type;
  const auto commas = [this](int& depth) {
    advance();
    ++depth;
    while (accept(TokenKind::kComma)) ++depth;
    if (at(TokenKind::kRightBracket)) {
      advance();
    } else {
      fail_expected("`,` or `]`", "types of functions have no sizes: `array[,] real`, `vector`");
    }
  };
  if (accept(TokenKind::kArray)) {
    if (!at(TokenKind::kLeftBracket)) {
      expect(TokenKind::kLeftBracket, "after `array`");
      return type;
    }
    commas(type.array_depth);
  }
  const Token token = peek();
  if (panic_) return type;
  if (accept(TokenKind::kTuple)) {
    type.base = BaseType::kTuple;
    expect(TokenKind::kLeftParen, "after `tuple`");
    do {
      if (!type.elements.empty() && at(TokenKind::kRightParen)) break;
      type.elements.push_back(unsized_type());
    } while (accept(TokenKind::kComma));
    expect_close(TokenKind::kRightParen);
  } else if (const TypeRow* row = find_type(token.kind)) {
    advance();
    type.base = row->base;
    if (row->constraint != ConstraintKind::kNone) {
      remark(DiagnosticKind::kSyntax, token.span,
             fmt::format("{} is a constrained type; types of functions have no constraints",
                         describe(token)),
             row->base == BaseType::kVector ? "write `vector`" : "write `matrix`");
    } else if (at(TokenKind::kLess)) {
      fail_expected("a name", "types of functions have no constraints");
    } else if (at(TokenKind::kLeftBracket)) {
      const bool is_old_array =
          type.array_depth == 0 &&
          (peek(1).kind == TokenKind::kRightBracket || peek(1).kind == TokenKind::kComma);
      commas(type.array_depth);
      if (is_old_array && !panic_) {
        legacy_.add(
            "array", span_from(token.span),
            fmt::format(
                "array types are written `array[] {}`; brackets behind the type are the older form",
                text(token)));
      }
    }
  } else {
    fail_expected("a type");
  }
  return type;
}

}  // namespace vinci::syntax
