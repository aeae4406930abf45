// Statements and declarations.
#include <fmt/format.h>

#include <algorithm>

#include "syntax/parser.h"

namespace vinci::syntax {

using source::DiagnosticKind;

StmtId Parser::add(Stmt stmt) {
  int height = 0;
  for (StmtId child : stmt.stmts)
    height = std::max(height, stmt_heights_[static_cast<size_t>(child.index)]);
  for (StmtId child : {stmt.body, stmt.else_body}) {
    if (child.valid()) height = std::max(height, stmt_heights_[static_cast<size_t>(child.index)]);
  }
  if (++height > kMaxTreeHeight) {
    panic_ = false;
    fail(DiagnosticKind::kNestingTooDeep, stmt.span,
         fmt::format("statements are nested deeper than {} levels", kMaxTreeHeight));
    stop();
    stmt = Stmt{};
    height = 1;
  }
  stmt_heights_.push_back(height);
  return program_.stmts.add(std::move(stmt));
}

void Parser::statements_until_brace(std::vector<StmtId>& out, Scope scope, Span opened,
                                    std::string_view what) {
  while (!at(TokenKind::kRightBrace)) {
    if (at(TokenKind::kEndOfFile) || at_block_header()) {
      if (!stopped_) {
        sink_
            .error(DiagnosticKind::kSyntax, peek().span,
                   fmt::format("found {}; expected `}}` at the end of {}", describe(peek()), what))
            .note(opened, "its `{` is here");
      }
      if (at(TokenKind::kEndOfFile))
        stopped_ = true;  // the braces around it are missing for the same reason
      return;
    }
    const size_t before = pos_, whole = out.size();
    settled_errors_ = sink_.num_errors();
    statement_into(out, scope);
    if (panic_) synchronise();
    // Faults inside of its braces are settled there.
    if (sink_.num_errors() > settled_errors_) {
      out.resize(whole);
      give_up(before);
      settled_errors_ = sink_.num_errors();
    }
    if (pos_ == before) advance();
    if (sink_.full() && sink_.num_errors() > 0) stop();
  }
  advance();
}

void Parser::statement_into(std::vector<StmtId>& out, Scope scope) {
  if (at_type()) {
    declaration(out, scope);
  } else {
    out.push_back(statement());
  }
}

StmtId Parser::statement() {
  const DepthGuard guard(*this);
  if (!guard.ok() || panic_) return add(Stmt{});
  const Token token = peek();
  Stmt stmt;
  switch (token.kind) {
    case TokenKind::kLeftBrace:
      return at_array_of_tilde() ? expression_statement() : block_statement();
    case TokenKind::kIf:
      return if_statement();
    case TokenKind::kWhile:
      return while_statement();
    case TokenKind::kFor:
      return for_statement();
    case TokenKind::kProfile:
      return profile_statement();
    case TokenKind::kPrint:
    case TokenKind::kReject:
    case TokenKind::kFatalError:
      return print_statement();
    case TokenKind::kReturn:
      return return_statement();
    case TokenKind::kTarget:
    case TokenKind::kJacobian:
      return increment_statement();
    case TokenKind::kBreak:
    case TokenKind::kContinue:
      stmt.kind = token.kind == TokenKind::kBreak ? Stmt::Kind::kBreak : Stmt::Kind::kContinue;
      stmt.span = advance().span;
      expect_semicolon(describe(token));
      return add(std::move(stmt));
    case TokenKind::kSemicolon:
      stmt.span = advance().span;
      return add(std::move(stmt));
    case TokenKind::kElse:
      fail(DiagnosticKind::kSyntax, token.span, "found `else` without an `if` before it",
           "between `if (...)` and `else` stands one statement or one block `{ ... }`");
      advance();
      return add(std::move(stmt));
    default:
      break;
  }
  if (at_type()) {
    // The body of a loop or condition; `if (c) real a, b;` declares two.
    stmt.kind = Stmt::Kind::kBlock;
    declaration(stmt.stmts, Scope::kLocal);
    if (stmt.stmts.size() == 1) return stmt.stmts[0];
    stmt.span = span_from(token.span);
    return add(std::move(stmt));
  }
  return expression_statement();
}

void Parser::declaration(std::vector<StmtId>& out, Scope scope) {
  const Span begin = peek().span;
  const SizedType type = sized_type(scope);
  bool first = true;
  do {
    if (panic_) return;
    Stmt stmt;
    stmt.kind = Stmt::Kind::kDeclaration;
    stmt.is_global = scope != Scope::kLocal;
    stmt.continues_declaration = !first;
    stmt.decl_type = type;
    stmt.name = expect_name("the name of a variable", stmt.name_span);
    if (at(TokenKind::kLeftBracket)) {
      const Span opened = advance().span;
      std::vector<ExprId> dims = arguments(TokenKind::kRightBracket);
      if (!panic_) {
        std::string sizes(sources_.text(span_from(opened)));
        if (sizes.size() > 40) sizes = "[...]";
        legacy_.add(
            "array", span_from(stmt.name_span),
            fmt::format(
                "arrays are declared as `array{} {} {}`; sizes behind the name are the older form",
                sizes, type.span.size() > 40 ? "..." : sources_.text(type.span), stmt.name));
      }
      dims.insert(dims.end(), stmt.decl_type.array_dims.begin(), stmt.decl_type.array_dims.end());
      stmt.decl_type.array_dims = std::move(dims);
    }
    const bool arrow = adjacent_arrow();
    if (!panic_ && (at(TokenKind::kAssign) || arrow)) {
      const Span at_assign = advance().span;
      if (arrow) {
        advance();
        legacy_.add("assign", span_from(at_assign),
                    "assignments are written with `=`; `<-` is the older form");
      }
      stmt.expr = expression();
      if (scope == Scope::kTopNoAssign) {
        remark(DiagnosticKind::kNotAllowedHere, span_from(at_assign),
               fmt::format("`{}` is read or inferred, so this block cannot give it a value",
                           stmt.name),
               "define it in `transformed data` or `transformed parameters`");
      }
    }
    stmt.span = span_from(begin);
    if (!panic_ || !stmt.name.empty()) out.push_back(add(std::move(stmt)));
    first = false;
  } while (accept(TokenKind::kComma));
  expect_semicolon("a declaration");
}

bool Parser::at_array_of_tilde() const {
  // Bounded, since every `{` of a nest of blocks looks ahead.
  constexpr size_t kMaxLookahead = 10'000;
  int depth = 0;
  for (size_t ahead = 0; ahead < kMaxLookahead; ++ahead) {
    const TokenKind kind = peek(ahead).kind;
    if (kind == TokenKind::kSemicolon || kind == TokenKind::kEndOfFile || is_keyword(kind))
      return false;
    if (kind == TokenKind::kLeftBrace) ++depth;
    if (kind == TokenKind::kRightBrace && --depth == 0) {
      return ahead > 1 && peek(ahead + 1).kind == TokenKind::kTilde;
    }
  }
  return false;
}

StmtId Parser::block_statement() {
  Stmt stmt;
  stmt.kind = Stmt::Kind::kBlock;
  stmt.span = advance().span;
  statements_until_brace(stmt.stmts, Scope::kLocal, stmt.span, "the block of statements");
  stmt.span = span_from(stmt.span);
  return add(std::move(stmt));
}

StmtId Parser::if_statement() {
  // Iterative in the length of an `else if` chain.
  struct Arm {
    Span begin;
    ExprId condition;
    StmtId body;
  };
  std::vector<Arm> arms;
  StmtId tail;
  for (;;) {
    Arm arm;
    arm.begin = advance().span;
    expect(TokenKind::kLeftParen, "after `if`");
    arm.condition = expression();
    expect_close(TokenKind::kRightParen);
    arm.body = statement();
    arms.push_back(arm);
    if (!accept(TokenKind::kElse)) break;
    if (at(TokenKind::kIf)) continue;
    tail = statement();
    break;
  }
  for (auto arm = arms.rbegin(); arm != arms.rend(); ++arm) {
    Stmt stmt;
    stmt.kind = Stmt::Kind::kIf;
    stmt.span = span_from(arm->begin);
    stmt.expr = arm->condition;
    stmt.body = arm->body;
    stmt.else_body = tail;
    tail = add(std::move(stmt));
  }
  return tail;
}

StmtId Parser::while_statement() {
  Stmt stmt;
  stmt.kind = Stmt::Kind::kWhile;
  stmt.span = advance().span;
  expect(TokenKind::kLeftParen, "after `while`");
  stmt.expr = expression();
  expect_close(TokenKind::kRightParen);
  stmt.body = statement();
  stmt.span = span_from(stmt.span);
  return add(std::move(stmt));
}

StmtId Parser::for_statement() {
  Stmt stmt;
  stmt.kind = Stmt::Kind::kForEach;
  stmt.span = advance().span;
  expect(TokenKind::kLeftParen, "after `for`");
  if (at_type() && peek(1).kind == TokenKind::kIdentifier) {
    fail(DiagnosticKind::kSyntax, peek().span,
         fmt::format("found {}; a loop variable has no type", describe(peek())),
         "loops are written `for (n in 1:N)`");
  }
  stmt.name = expect_name("the name of the loop variable", stmt.name_span);
  if (!panic_ && !at(TokenKind::kIn)) {
    fail_expected("`in`", "loops are written `for (n in 1:N)`");
  }
  accept(TokenKind::kIn);
  stmt.expr = expression();
  if (accept(TokenKind::kColon)) {
    stmt.kind = Stmt::Kind::kFor;
    stmt.low = stmt.expr;
    stmt.expr = {};
    stmt.high = expression();
  }
  expect_close(TokenKind::kRightParen);
  stmt.body = statement();
  stmt.span = span_from(stmt.span);
  return add(std::move(stmt));
}

StmtId Parser::profile_statement() {
  Stmt stmt;
  stmt.kind = Stmt::Kind::kProfile;
  stmt.span = advance().span;
  expect(TokenKind::kLeftParen, "after `profile`");
  if (!panic_ && !at(TokenKind::kStringLiteral)) fail_expected("a string that names the profile");
  if (!panic_) {
    const ExprId label = string_literal();
    stmt.text = program_.exprs[label].text;
    stmt.name_span = program_.exprs[label].span;
  }
  expect_close(TokenKind::kRightParen);
  const Span brace = peek().span;
  if (expect(TokenKind::kLeftBrace, "after `profile(...)`")) {
    statements_until_brace(stmt.stmts, Scope::kLocal, brace, "the profiled statements");
  }
  stmt.span = span_from(stmt.span);
  return add(std::move(stmt));
}

StmtId Parser::print_statement() {
  const Token token = advance();
  Stmt stmt;
  stmt.kind = token.kind == TokenKind::kPrint    ? Stmt::Kind::kPrint
              : token.kind == TokenKind::kReject ? Stmt::Kind::kReject
                                                 : Stmt::Kind::kFatalError;
  stmt.args = printables();
  stmt.span = span_from(token.span);
  expect_semicolon(fmt::format("`{}(...)`", spelling(token.kind)));
  return add(std::move(stmt));
}

StmtId Parser::return_statement() {
  Stmt stmt;
  stmt.kind = Stmt::Kind::kReturn;
  stmt.span = advance().span;
  if (!at(TokenKind::kSemicolon) && !(starts_line() && statement_may_begin()))
    stmt.expr = expression();
  stmt.span = span_from(stmt.span);
  expect_semicolon("`return`");
  return add(std::move(stmt));
}

StmtId Parser::increment_statement() {
  const Token token = peek();
  const bool is_target = token.kind == TokenKind::kTarget;
  if (is_target && peek(1).kind == TokenKind::kLeftParen) return expression_statement();
  advance();
  Stmt stmt;
  stmt.kind = is_target ? Stmt::Kind::kTargetPlus : Stmt::Kind::kJacobianPlus;
  if (!accept(TokenKind::kPlusAssign)) {
    fail_expected(fmt::format("`+=` after {}", describe(token)),
                  fmt::format("{} can only be added to", describe(token)));
  }
  stmt.expr = expression();
  stmt.span = span_from(token.span);
  expect_semicolon("an increment");
  return add(std::move(stmt));
}

bool Parser::check_assignable(ExprId lhs) {
  const Expr& expr = program_.exprs[lhs];
  switch (expr.kind) {
    case Expr::Kind::kVariable:
    case Expr::Kind::kError:
      return true;
    case Expr::Kind::kIndexed:
    case Expr::Kind::kProjection:
      return check_assignable(expr.args[0]);
    case Expr::Kind::kTuple:
      return std::all_of(expr.args.begin(), expr.args.end(),
                         [this](ExprId part) { return check_assignable(part); });
    default:
      remark(DiagnosticKind::kNotAssignable, expr.span,
             "what stands before `=` is not a variable, an element or a tuple of such");
      return false;
  }
}

StmtId Parser::expression_statement() {
  Stmt stmt;
  const Span begin = peek().span;
  stmt.lhs = expression(true);
  const Token token = peek();
  const Expr& head = program_.exprs[stmt.lhs];
  static constexpr std::pair<TokenKind, Operator> kAssignments[] = {
      {TokenKind::kAssign, Operator::kNone},
      {TokenKind::kPlusAssign, Operator::kAdd},
      {TokenKind::kMinusAssign, Operator::kSubtract},
      {TokenKind::kStarAssign, Operator::kMultiply},
      {TokenKind::kSlashAssign, Operator::kDivide},
      {TokenKind::kDotStarAssign, Operator::kEltMultiply},
      {TokenKind::kDotSlashAssign, Operator::kEltDivide},
  };
  for (const auto& [assignment, op] : kAssignments) {
    const bool arrow = assignment == TokenKind::kAssign && adjacent_arrow();
    if (panic_ || (token.kind != assignment && !arrow)) continue;
    advance();
    if (arrow) {
      advance();
      legacy_.add("assign", span_from(token.span),
                  "assignments are written with `=`; `<-` is the older form");
    }
    stmt.kind = Stmt::Kind::kAssign;
    stmt.op = op;
    check_assignable(stmt.lhs);
    stmt.expr = expression();
    stmt.span = span_from(begin);
    expect_semicolon("an assignment");
    return add(std::move(stmt));
  }
  if (!panic_ && token.kind == TokenKind::kTilde) {
    tilde(stmt);
  } else if (!panic_ && head.kind == Expr::Kind::kCall && !head.conditional) {
    stmt.kind = Stmt::Kind::kCall;
    stmt.expr = stmt.lhs;
    stmt.lhs = {};
    stmt.name_span = head.name_span;
    expect_semicolon("a call");
  } else if (!panic_ && head.kind == Expr::Kind::kVariable &&
             token.kind == TokenKind::kIdentifier && !starts_line()) {
    // `foo x;`, `float x;`
    fail(DiagnosticKind::kSyntax, head.span,
         fmt::format("found `{}`; expected a type or a statement", head.name),
         head.name == "double" || head.name == "float" ? "a number is a `real`" : "");
  } else if (!panic_ && (token.kind == TokenKind::kSemicolon || starts_line())) {
    std::string hint = "assign it with `=`, or add it with `target +=`";
    if (head.kind == Expr::Kind::kBinary && head.op == Operator::kEqual)
      hint = "`==` compares; write `=` to assign";
    fail(DiagnosticKind::kSyntax, head.span, "found an expression; expected a statement", hint);
    accept(TokenKind::kSemicolon);
  } else {
    fail_expected("`=`, `~` or an operator");
  }
  stmt.span = span_from(begin);
  return add(std::move(stmt));
}

void Parser::tilde(Stmt& stmt) {
  const Span begin = program_.exprs[stmt.lhs].span;
  advance();
  stmt.kind = Stmt::Kind::kTilde;
  stmt.name_span = peek().span;
  if (!at(TokenKind::kIdentifier)) {
    fail_expected("the name of a distribution");
    return;
  }
  stmt.name = text(advance());
  if (!expect(TokenKind::kLeftParen, "after the name of the distribution")) return;
  stmt.args = arguments(TokenKind::kRightParen);
  if (!panic_ && at_word(0, "T") && peek(1).kind == TokenKind::kLeftBracket) {
    advance();
    advance();
    stmt.truncated = true;
    if (!at(TokenKind::kComma)) stmt.low = expression();
    expect(TokenKind::kComma, "between the truncation bounds");
    if (!at(TokenKind::kRightBracket)) stmt.high = expression();
    expect_close(TokenKind::kRightBracket);
  }
  stmt.span = span_from(begin);
  expect_semicolon("a distribution statement");
}

}  // namespace vinci::syntax
