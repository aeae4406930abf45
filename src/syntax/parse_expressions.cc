// Expressions: precedence climbing for the operators, one function per bracket and literal.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "syntax/parser.h"
#include "syntax/spelling.h"

namespace vinci::syntax {

using source::DiagnosticKind;

namespace {

struct Infix {
  TokenKind token;
  Operator op;
};
constexpr Infix kInfix[] = {
    {TokenKind::kOrOr, Operator::kOr},
    {TokenKind::kAndAnd, Operator::kAnd},
    {TokenKind::kEqualEqual, Operator::kEqual},
    {TokenKind::kNotEqual, Operator::kNotEqual},
    {TokenKind::kLess, Operator::kLess},
    {TokenKind::kLessEqual, Operator::kLessEqual},
    {TokenKind::kGreater, Operator::kGreater},
    {TokenKind::kGreaterEqual, Operator::kGreaterEqual},
    {TokenKind::kPlus, Operator::kAdd},
    {TokenKind::kMinus, Operator::kSubtract},
    {TokenKind::kStar, Operator::kMultiply},
    {TokenKind::kSlash, Operator::kDivide},
    {TokenKind::kPercent, Operator::kModulo},
    {TokenKind::kDotStar, Operator::kEltMultiply},
    {TokenKind::kDotSlash, Operator::kEltDivide},
    {TokenKind::kBackslash, Operator::kLeftDivide},
    {TokenKind::kIntDivide, Operator::kIntDivide},
    {TokenKind::kCaret, Operator::kPower},
    {TokenKind::kDotCaret, Operator::kEltPower},
};

const Infix* find_infix(TokenKind token) {
  for (const Infix& infix : kInfix) {
    if (infix.token == token) return &infix;
  }
  return nullptr;
}

std::string without_underscores(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '_');
  return digits;
}

}  // namespace

ExprId Parser::add(Expr expr) {
  int height = 0;
  for (ExprId arg : expr.args)
    height = std::max(height, expr_heights_[static_cast<size_t>(arg.index)]);
  for (const IndexExpr& index : expr.indices) {
    if (index.low.valid())
      height = std::max(height, expr_heights_[static_cast<size_t>(index.low.index)]);
    if (index.high.valid())
      height = std::max(height, expr_heights_[static_cast<size_t>(index.high.index)]);
  }
  if (++height > kMaxTreeHeight) {
    fail(DiagnosticKind::kNestingTooDeep, expr.span,
         fmt::format("the expression is nested deeper than {} levels", kMaxTreeHeight),
         "give parts of it names of their own, or use `sum` of an array");
    stop();
    expr = Expr{};
    height = 1;
  }
  if (program_.exprs.size() + program_.stmts.size() == kMaxNodes) {
    fail(DiagnosticKind::kFileTooLarge, expr.span,
         fmt::format("the program has more than {} expressions and statements", kMaxNodes),
         "tables belong into the data file");
    stop();
  }
  expr_heights_.push_back(height);
  return program_.exprs.add(std::move(expr));
}

ExprId Parser::error_expr() {
  Expr expr;
  expr.span = peek().span;
  return add(std::move(expr));
}

ExprId Parser::expression(bool head) {
  const Span begin = peek().span;
  const DepthGuard guard(*this);
  if (!guard.ok() || panic_) return error_expr();
  const ExprId condition = binary(0, head);
  if (!accept(TokenKind::kQuestion)) return condition;
  const ExprId if_true = expression();
  expect(TokenKind::kColon, "of the conditional operator `? :`");
  const ExprId if_false = expression();
  Expr ternary;
  ternary.kind = Expr::Kind::kTernary;
  ternary.args = {condition, if_true, if_false};
  ternary.span = span_from(begin);
  return add(std::move(ternary));
}

ExprId Parser::binary(int min_precedence, bool head) {
  const Span begin = peek().span;
  const DepthGuard guard(*this);
  if (!guard.ok() || panic_) return error_expr();
  ExprId left = unary();
  while (!panic_) {
    const Infix* infix = find_infix(peek().kind);
    if (infix == nullptr || precedence(infix->op) < min_precedence) break;
    if (head && adjacent_arrow()) break;
    advance();
    const int tightness = precedence(infix->op);
    const bool right_associative = tightness == kPowerPrecedence;
    const ExprId right = binary(right_associative ? tightness : tightness + 1);
    Expr expr;
    expr.kind = Expr::Kind::kBinary;
    expr.op = infix->op;
    expr.args = {left, right};
    expr.span = span_from(begin);
    left = add(std::move(expr));
  }
  return left;
}

ExprId Parser::unary() {
  Operator op = Operator::kNone;
  if (at(TokenKind::kMinus)) op = Operator::kNegate;
  if (at(TokenKind::kPlus)) op = Operator::kPlus;
  if (at(TokenKind::kNot)) op = Operator::kNot;
  if (op == Operator::kNone || panic_) return postfix();
  const Span begin = advance().span;
  const ExprId operand = binary(kPowerPrecedence);
  Expr expr;
  expr.kind = Expr::Kind::kUnary;
  expr.op = op;
  expr.args = {operand};
  expr.span = span_from(begin);
  return add(std::move(expr));
}

ExprId Parser::postfix() {
  const Span begin = peek().span;
  ExprId base = primary();
  while (!panic_) {
    Expr expr;
    expr.args = {base};
    if (at(TokenKind::kQuote)) {
      advance();
      expr.kind = Expr::Kind::kPostfix;
      expr.op = Operator::kTranspose;
    } else if (at(TokenKind::kLeftBracket)) {
      expr.kind = Expr::Kind::kIndexed;
      indices(expr);
    } else if (at(TokenKind::kDotLiteral)) {
      const Token token = advance();
      const std::string digits = without_underscores(text(token).substr(1));
      expr.kind = Expr::Kind::kProjection;
      const auto result =
          std::from_chars(digits.data(), digits.data() + digits.size(), expr.integer);
      if (result.ec != std::errc() || expr.integer < 1) {
        remark(
            DiagnosticKind::kLiteral, token.span,
            fmt::format("found {} after a tuple; its parts are numbered from 1", describe(token)));
        expr.integer = 1;
      }
    } else {
      break;
    }
    expr.span = span_from(begin);
    base = add(std::move(expr));
  }
  return base;
}

void Parser::indices(Expr& indexed) {
  advance();
  const auto ends = [this] { return at(TokenKind::kComma) || at(TokenKind::kRightBracket); };
  do {
    IndexExpr index;
    if (ends()) {
      index.kind = IndexExpr::Kind::kAll;
    } else if (accept(TokenKind::kColon)) {
      if (!ends()) {
        index.kind = IndexExpr::Kind::kUpTo;
        index.high = expression();
      }
    } else {
      index.kind = IndexExpr::Kind::kSingle;
      index.low = expression();
      if (accept(TokenKind::kColon)) {
        index.kind = IndexExpr::Kind::kFrom;
        if (!ends()) {
          index.kind = IndexExpr::Kind::kBetween;
          index.high = expression();
        }
      }
    }
    indexed.indices.push_back(index);
  } while (accept(TokenKind::kComma));
  expect_close(TokenKind::kRightBracket);
}

ExprId Parser::primary() {
  if (panic_) return error_expr();
  switch (peek().kind) {
    case TokenKind::kIntLiteral:
    case TokenKind::kRealLiteral:
    case TokenKind::kDotLiteral:
    case TokenKind::kImaginaryLiteral:
      return number_literal();
    case TokenKind::kIdentifier:
      return name_or_call();
    case TokenKind::kTarget: {
      Expr expr;
      expr.kind = Expr::Kind::kTarget;
      expr.span = advance().span;
      if (expect(TokenKind::kLeftParen, "after `target`: the log density so far is `target()`")) {
        expect(TokenKind::kRightParen, "of `target()`");
      }
      expr.span = span_from(expr.span);
      return add(std::move(expr));
    }
    case TokenKind::kLeftBrace:
    case TokenKind::kLeftBracket:
      return bracketed();
    case TokenKind::kLeftParen:
      return parenthesised();
    default:
      return misplaced_token();
  }
}

ExprId Parser::number_literal() {
  const Token token = advance();
  Expr expr;
  expr.span = token.span;
  expr.name = text(token);
  const std::string digits = without_underscores(expr.name);
  if (token.kind == TokenKind::kIntLiteral) {
    expr.kind = Expr::Kind::kIntLiteral;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), expr.integer);
    if (result.ec != std::errc() || expr.integer > std::numeric_limits<int32_t>::max()) {
      remark(
          DiagnosticKind::kLiteral, token.span,
          fmt::format("integer {} is larger than 2147483647, the largest `int`", describe(token)),
          fmt::format("as a real number it is written `{}.0`", expr.name.substr(0, 40)));
      expr.integer = 0;
    }
  } else {
    expr.kind = token.kind == TokenKind::kImaginaryLiteral ? Expr::Kind::kImaginaryLiteral
                                                           : Expr::Kind::kRealLiteral;
    expr.number = std::strtod(digits.c_str(), nullptr);
    if (std::isinf(expr.number)) {
      remark(DiagnosticKind::kLiteral, token.span,
             fmt::format("number {} is larger than 1.79e308, the largest `real`", describe(token)),
             "infinity is written `positive_infinity()`");
    }
  }
  return add(std::move(expr));
}

ExprId Parser::name_or_call() {
  const Token token = advance();
  Expr expr;
  expr.kind = Expr::Kind::kVariable;
  expr.span = expr.name_span = token.span;
  expr.name = text(token);
  if (!at(TokenKind::kLeftParen)) return add(std::move(expr));
  expr.kind = Expr::Kind::kCall;
  advance();
  if (!at(TokenKind::kRightParen)) {
    expr.args.push_back(expression());
    if (accept(TokenKind::kBar)) {
      expr.conditional = true;
      if (!at(TokenKind::kRightParen)) {
        do {
          expr.args.push_back(expression());
        } while (accept(TokenKind::kComma));
      }
    } else {
      while (accept(TokenKind::kComma)) expr.args.push_back(expression());
    }
  }
  expect_close(TokenKind::kRightParen);
  expr.span = span_from(token.span);
  return add(std::move(expr));
}

ExprId Parser::bracketed() {
  const Token open = advance();
  const bool is_array = open.kind == TokenKind::kLeftBrace;
  const TokenKind close = is_array ? TokenKind::kRightBrace : TokenKind::kRightBracket;
  Expr expr;
  expr.kind = is_array ? Expr::Kind::kArrayLiteral : Expr::Kind::kRowVectorLiteral;
  if (is_array) ++open_braces_;
  if (is_array && at(close)) {
    remark(DiagnosticKind::kSyntax, source::join(open.span, peek().span),
           "found `{}`; an array expression has at least one element",
           "an empty array is declared with size 0");
  }
  expr.args = arguments(close);
  if (is_array) --open_braces_;
  expr.span = span_from(open.span);
  return add(std::move(expr));
}

std::vector<ExprId> Parser::arguments(TokenKind close) {
  std::vector<ExprId> args;
  if (accept(close)) return args;
  do {
    args.push_back(expression());
  } while (accept(TokenKind::kComma));
  expect_close(close);
  return args;
}

ExprId Parser::parenthesised() {
  const Span opened = advance().span;
  Expr expr;
  expr.kind = Expr::Kind::kParenthesised;
  expr.args.push_back(expression());
  while (accept(TokenKind::kComma)) {
    expr.kind = Expr::Kind::kTuple;
    if (at(TokenKind::kRightParen)) break;
    expr.args.push_back(expression());
  }
  expect_close(TokenKind::kRightParen);
  expr.span = span_from(opened);
  return add(std::move(expr));
}

ExprId Parser::misplaced_token() {
  const Token token = peek();
  if (token.kind == TokenKind::kStringLiteral) {
    fail(DiagnosticKind::kSyntax, token.span, "found a string; expected an expression",
         "strings stand only in `print`, `reject`, `fatal_error` and `profile`");
  } else if (token.kind == TokenKind::kQuote) {
    // Reported as a whole where the closing quote stands on the same line.
    const source::SourceFile& file = sources_[token.span.file];
    const std::string_view rest = file.text().substr(token.span.end);
    const size_t close = rest.find_first_of("'\n");
    Span span = token.span;
    if (close != std::string_view::npos && rest[close] == '\'') {
      span.end += static_cast<uint32_t>(close) + 1;
    }
    fail(DiagnosticKind::kSyntax, span, "found `'`; expected an expression",
         span.size() > 1 ? "strings stand between double quotes: \"...\""
                         : "`'` transposes what stands before it");
    while (!at(TokenKind::kEndOfFile) && peek().span.file == span.file &&
           peek().span.begin < span.end) {
      advance();
    }
  } else if (token.kind == TokenKind::kFunctions || token.kind == TokenKind::kData ||
             token.kind == TokenKind::kParameters || token.kind == TokenKind::kModel ||
             is_keyword(token.kind)) {
    const bool as_name = !at_type() || peek(1).kind != TokenKind::kIdentifier;
    if (as_name && !at_block_header() && !statement_may_begin()) {
      fail(DiagnosticKind::kReservedWord, token.span,
           fmt::format("found {}; expected an expression, and {} is a reserved word",
                       describe(token), describe(token)),
           "variables need another name");
    } else {
      fail_expected("an expression");
    }
  } else if (token.kind == TokenKind::kAssign && last_span().valid() &&
             sources_.text(last_span()) == "=") {
    fail_expected("an expression", "the comparison is `==`, without a space");
  } else {
    fail_expected("an expression");
  }
  return error_expr();
}

ExprId Parser::string_literal() {
  const Token token = advance();
  Expr expr;
  expr.kind = Expr::Kind::kStringLiteral;
  expr.span = token.span;
  std::string_view spelled = text(token);
  if (spelled.starts_with('"')) spelled.remove_prefix(1);
  if (spelled.ends_with('"')) spelled.remove_suffix(1);
  expr.text = spelled;
  return add(std::move(expr));
}

std::vector<ExprId> Parser::printables() {
  std::vector<ExprId> args;
  if (!expect(TokenKind::kLeftParen)) return args;
  if (accept(TokenKind::kRightParen)) return args;
  do {
    args.push_back(at(TokenKind::kStringLiteral) ? string_literal() : expression());
  } while (accept(TokenKind::kComma));
  expect_close(TokenKind::kRightParen);
  return args;
}

std::string Parser::expect_name(std::string_view what, Span& span) {
  if (panic_) return {};
  const Token token = peek();
  span = token.span;
  if (token.kind == TokenKind::kIdentifier) {
    advance();
    std::string name(text(token));
    if (is_reserved_for_future(name)) {
      remark(DiagnosticKind::kReservedWord, token.span,
             fmt::format("`{}` is a reserved word; expected {}", name, what),
             "choose another name");
    } else if (name.size() > 2 && name.ends_with("__")) {
      remark(DiagnosticKind::kReservedWord, token.span,
             fmt::format("`{}` ends with two underscores; such names are reserved", name),
             fmt::format("write `{}`", name.substr(0, name.find_last_not_of('_') + 1)));
    }
    return name;
  }
  if (is_keyword(token.kind)) {
    remark(DiagnosticKind::kReservedWord, token.span,
           fmt::format("{} is a reserved word; expected {}", describe(token), what),
           fmt::format("choose another name, such as `{}_`", text(token)));
    advance();
    return std::string(text(token));
  }
  fail_expected(what);
  return {};
}

}  // namespace vinci::syntax
