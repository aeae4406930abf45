#include "syntax/parser.h"

#include <fmt/format.h>

#include <algorithm>

namespace vinci::syntax {

using source::DiagnosticKind;

namespace {

/// Recursion levels of the parser; a level takes about five frames. Brackets, prefix operators,
/// operands of tighter operators and nested statements each take one.
constexpr int kMaxDepth = kMaxTreeHeight;

}  // namespace

Program parse(source::FileId main, source::SourceMap& sources, source::DiagnosticSink& sink,
              const ParseOptions& options) {
  return Parser(main, sources, sink, options).run();
}

Parser::Parser(source::FileId main, source::SourceMap& sources, source::DiagnosticSink& sink,
               const ParseOptions& options)
    : sources_(sources), sink_(sink), options_(options), main_(main) {}

Program Parser::run() {
  LexResult lexed = lex(main_, sources_, sink_, options_.lex);
  tokens_ = std::move(lexed.tokens);
  program_.comments = std::move(lexed.comments);
  program_.functions_only = options_.functions_only;
  const int errors_before = sink_.num_errors();
  program();
  if (sink_.num_errors() == errors_before) modernise(program_, sources_, legacy_);
  legacy_.report(sink_);
  return std::move(program_);
}

Parser::DepthGuard::DepthGuard(Parser& parser) : parser_(parser) {
  ok_ = ++parser_.depth_ <= kMaxDepth;
  if (ok_) return;
  parser_.fail(DiagnosticKind::kNestingTooDeep, parser_.peek().span,
               "brackets, operators or statements are nested too deeply here",
               "give parts of it names of their own");
  parser_.stop();
}

// Tokens.

const Token& Parser::peek(size_t ahead) const {
  return tokens_[std::min(pos_ + ahead, tokens_.size() - 1)];
}

bool Parser::at_word(size_t ahead, std::string_view word) const {
  const Token& token = peek(ahead);
  return token.kind == TokenKind::kIdentifier && text(token) == word;
}

Token Parser::advance() {
  const Token token = peek();
  if (pos_ + 1 < tokens_.size()) ++pos_;
  return token;
}

bool Parser::accept(TokenKind kind) {
  if (panic_ || !at(kind)) return false;
  advance();
  return true;
}

Span Parser::last_span() const { return pos_ == 0 ? peek().span : tokens_[pos_ - 1].span; }

bool Parser::starts_line() const {
  if (pos_ == 0) return true;
  const Span last = tokens_[pos_ - 1].span;
  const Span here = peek().span;
  if (last.file != here.file || here.begin < last.end) return true;
  return sources_.text({last.file, last.end, here.begin}).find('\n') != std::string_view::npos;
}

bool Parser::adjacent_arrow() const {
  return at(TokenKind::kLess) && peek(1).kind == TokenKind::kMinus &&
         peek().span.file == peek(1).span.file && peek().span.end == peek(1).span.begin;
}

std::string Parser::describe(const Token& token) const {
  switch (token.kind) {
    case TokenKind::kEndOfFile:
      return "the end of the file";
    case TokenKind::kStringLiteral:
      return "a string";
    default: {
      constexpr size_t kMax = 40;
      const std::string_view found = text(token);
      return fmt::format("`{}{}`", found.substr(0, kMax), found.size() > kMax ? "..." : "");
    }
  }
}

// Faults.

void Parser::fail(DiagnosticKind kind, Span span, std::string message, std::string hint) {
  if (panic_) return;
  remark(kind, span, std::move(message), std::move(hint));
  panic_ = true;
  open_braces_at_fault_ = open_braces_;
}

void Parser::remark(DiagnosticKind kind, Span span, std::string message, std::string hint) {
  if (panic_ || stopped_) return;
  auto& error = sink_.error(kind, span, std::move(message));
  if (!hint.empty()) error.with_hint(std::move(hint));
}

void Parser::fail_expected(std::string_view expected, std::string hint) {
  if (panic_) return;
  const Token& found = peek();
  if (found.kind == TokenKind::kError ||
      (found.kind == TokenKind::kIdentifier && text(found)[0] == '_')) {
    panic_ = true;  // the lexer has reported it
    open_braces_at_fault_ = open_braces_;
    return;
  }
  if (hint.empty() && found.kind == TokenKind::kAssign) {
    hint = "`==` compares, `=` assigns";
  }
  fail(DiagnosticKind::kSyntax, found.span,
       fmt::format("found {}; expected {}", describe(found), expected), std::move(hint));
}

bool Parser::expect(TokenKind kind, std::string_view where) {
  if (panic_) return false;
  if (accept(kind)) return true;
  fail_expected(where.empty() ? fmt::format("`{}`", spelling(kind))
                              : fmt::format("`{}` {}", spelling(kind), where));
  return false;
}

bool Parser::expect_close(TokenKind kind) {
  if (panic_) return false;
  if (accept(kind)) return true;
  const TokenKind found = peek().kind;
  const bool forgotten = found == TokenKind::kLeftBrace || found == TokenKind::kSemicolon;
  fail_expected(kind == TokenKind::kRightParen || kind == TokenKind::kRightBracket ||
                        kind == TokenKind::kRightBrace
                    ? fmt::format("an operator, `,` or `{}`", spelling(kind))
                    : fmt::format("`{}`", spelling(kind)));
  // `if (x > 0 {` and `y = f(x;`: the bracket was forgotten, nothing else; the statement goes on.
  if (forgotten && kind == TokenKind::kRightParen) panic_ = false;
  return false;
}

bool Parser::statement_may_begin() const {
  switch (peek().kind) {
    case TokenKind::kRightBrace:
    case TokenKind::kEndOfFile:
    case TokenKind::kIf:
    case TokenKind::kElse:
    case TokenKind::kWhile:
    case TokenKind::kFor:
    case TokenKind::kReturn:
    case TokenKind::kBreak:
    case TokenKind::kContinue:
    case TokenKind::kPrint:
    case TokenKind::kReject:
    case TokenKind::kFatalError:
    case TokenKind::kProfile:
    case TokenKind::kTarget:
    case TokenKind::kJacobian:
      return true;
    default:
      return at_type() || at_block_header();
  }
}

void Parser::expect_semicolon(std::string_view after) {
  if (panic_ || accept(TokenKind::kSemicolon)) return;
  const Span last = last_span();
  const Span gap{last.file, last.end > last.begin ? last.end - 1 : last.end, last.end};
  if (starts_line() || statement_may_begin()) {
    remark(DiagnosticKind::kSyntax, gap,
           fmt::format("found {} after {}; expected `;`", describe(peek()), after),
           "statements and declarations end with `;`");
    return;
  }
  fail_expected(fmt::format("an operator or `;` after {}", after));
}

void Parser::stop() {
  const size_t first = pos_;
  pos_ = tokens_.size() - 1;
  give_up(first);
  stopped_ = true;
}

void Parser::give_up(size_t first) {
  if (first >= pos_) return;
  program_.unparsed.push_back(source::join(tokens_[first].span, tokens_[pos_ - 1].span));
  name_unparsed(first, pos_);
}

void Parser::name_unparsed(size_t first, size_t last) {
  for (size_t t = first; t < last; ++t) {
    if (tokens_[t].kind == TokenKind::kIdentifier) {
      program_.unparsed_names.emplace(text(tokens_[t]));
    }
  }
}

void Parser::synchronise() {
  panic_ = false;
  int literal_braces = open_braces_at_fault_;
  int braces = 0;
  bool moved = false;
  while (!at(TokenKind::kEndOfFile)) {
    const TokenKind kind = peek().kind;
    if (kind == TokenKind::kLeftBrace) ++braces;
    if (kind == TokenKind::kRightBrace) {
      if (braces > 0) {
        advance();
        if (--braces == 0) return;
        continue;
      }
      if (literal_braces == 0) return;
      --literal_braces;
    }
    if (at_block_header() && peek(1).kind == TokenKind::kLeftBrace) return;
    if (braces == 0) {
      if (kind == TokenKind::kSemicolon) {
        advance();
        return;
      }
      if (moved && starts_line() && statement_may_begin() && kind != TokenKind::kRightBrace) return;
    }
    advance();
    moved = true;
  }
  // The rest of the file was skipped: that it holds no closing braces is no fault of its own.
  if (moved) stopped_ = true;
}

}  // namespace vinci::syntax
