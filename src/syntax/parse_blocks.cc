// The program: its blocks and functions.
#include <fmt/format.h>

#include "source/suggest.h"
#include "syntax/parser.h"

namespace vinci::syntax {

using source::DiagnosticKind;

namespace {

constexpr std::string_view kBlockNames[kNumBlocks] = {"functions",
                                                      "data",
                                                      "transformed data",
                                                      "parameters",
                                                      "transformed parameters",
                                                      "model",
                                                      "generated quantities"};

}  // namespace

std::string_view block_name(BlockKind kind) { return kBlockNames[static_cast<size_t>(kind)]; }

bool Parser::at_block_header() const {
  const TokenKind next = peek(1).kind;
  switch (peek().kind) {
    case TokenKind::kFunctions:
    case TokenKind::kData:
    case TokenKind::kParameters:
    case TokenKind::kModel:
      return next == TokenKind::kLeftBrace;
    case TokenKind::kIdentifier:
      return (at_word(0, "transformed") &&
              (next == TokenKind::kData || next == TokenKind::kParameters)) ||
             (at_word(0, "generated") && at_word(1, "quantities"));
    default:
      return false;
  }
}

bool Parser::block_header(BlockKind& kind, Span& span) {
  span = peek().span;
  const TokenKind next = peek(1).kind;
  size_t words = 1;
  switch (peek().kind) {
    case TokenKind::kFunctions:
      kind = BlockKind::kFunctions;
      break;
    case TokenKind::kData:
      kind = BlockKind::kData;
      break;
    case TokenKind::kParameters:
      kind = BlockKind::kParameters;
      break;
    case TokenKind::kModel:
      kind = BlockKind::kModel;
      break;
    default:
      words = 2;
      if (at_word(0, "transformed") && next == TokenKind::kData) {
        kind = BlockKind::kTransformedData;
      } else if (at_word(0, "transformed") && next == TokenKind::kParameters) {
        kind = BlockKind::kTransformedParameters;
      } else if (at_word(0, "generated") && at_word(1, "quantities")) {
        kind = BlockKind::kGeneratedQuantities;
      } else {
        return false;
      }
  }
  for (size_t i = 0; i < words; ++i) advance();
  span = span_from(span);
  return true;
}

bool Parser::unknown_block_header(BlockKind& kind, Span& span) {
  size_t words = 0;
  while (words < 3 && (peek(words).kind == TokenKind::kIdentifier || is_keyword(peek(words).kind)))
    ++words;
  if (words == 0 || peek(words).kind != TokenKind::kLeftBrace) return false;
  std::string name;
  for (size_t i = 0; i < words; ++i) name.append(i > 0 ? " " : "").append(text(peek(i)));
  span = source::join(peek().span, peek(words - 1).span);
  std::string nearest = source::did_you_mean(name, kBlockNames);
  if (name == "transformed")
    nearest = kBlockNames[static_cast<size_t>(BlockKind::kTransformedParameters)];
  if (name == "generated")
    nearest = kBlockNames[static_cast<size_t>(BlockKind::kGeneratedQuantities)];
  remark(
      DiagnosticKind::kSyntax, span,
      fmt::format("`{}` is not a block of a program", name.substr(0, 60)),
      nearest.empty()
          ? "the blocks are functions, data, transformed data, parameters, transformed parameters, "
            "model and generated quantities"
          : fmt::format("did you mean `{}`?", nearest));
  for (size_t i = 0; i < words; ++i) advance();
  kind = BlockKind::kModel;
  for (int i = 0; i < kNumBlocks; ++i) {
    if (kBlockNames[i] == nearest) kind = static_cast<BlockKind>(i);
  }
  if (nearest.empty()) skip_to_block_header();
  return true;
}

void Parser::skip_to_block_header() {
  const size_t first = pos_;
  while (!at(TokenKind::kEndOfFile) && !at_block_header()) advance();
  give_up(first);
}

void Parser::program() {
  if (options_.functions_only) {
    while (!at(TokenKind::kEndOfFile)) {
      const size_t before = pos_;
      function();
      if (panic_) {
        synchronise();
        give_up(before);
      }
      if (pos_ == before) advance();
    }
    return;
  }
  while (!at(TokenKind::kEndOfFile)) {
    BlockKind kind;
    Span header;
    if (block_header(kind, header)) {
      block(kind, header);
    } else if (unknown_block_header(kind, header)) {
      if (at(TokenKind::kLeftBrace)) block(kind, header);
    } else {
      if (peek().kind != TokenKind::kError) {
        remark(DiagnosticKind::kSyntax, peek().span,
               fmt::format("found {}; expected a block", describe(peek())),
               at(TokenKind::kRightBrace)
                   ? "a `}` before it closes its block too early, or this one is too many"
                   : "a program is made of blocks such as `data { ... }` and `model { ... }`");
      }
      advance();
      skip_to_block_header();
    }
    panic_ = false;
  }
}

void Parser::block(BlockKind kind, Span header) {
  const int index = static_cast<int>(kind);
  Block& block = program_.block(kind);
  if (block.present) {
    remark(DiagnosticKind::kBlockOrder, header,
           fmt::format("the `{}` block stands twice", block_name(kind)),
           "put its content into the first one");
  } else if (index < last_block_) {
    remark(
        DiagnosticKind::kBlockOrder, header,
        fmt::format("the `{}` block stands after `{}`", block_name(kind), kBlockNames[last_block_]),
        "the order is functions, data, transformed data, parameters, transformed parameters, "
        "model, "
        "generated quantities");
    // What it uses of the blocks before it is declared after it once the order is mended.
    name_unparsed(0, pos_);
  }
  last_block_ = index > last_block_ ? index : last_block_;
  block.present = true;
  Span opened = peek().span;
  if (!accept(TokenKind::kLeftBrace)) {
    remark(DiagnosticKind::kSyntax, peek().span,
           fmt::format("found {}; expected `{{` after `{}`", describe(peek()), block_name(kind)));
    opened = header;
  }
  if (kind == BlockKind::kFunctions) {
    functions_until_brace(opened);
    program_.block(kind).span = span_from(header);
    return;
  }
  const bool declarations_only = kind == BlockKind::kData || kind == BlockKind::kParameters;
  const Scope scope = declarations_only           ? Scope::kTopNoAssign
                      : kind == BlockKind::kModel ? Scope::kLocal
                                                  : Scope::kTop;
  std::vector<StmtId> stmts;
  statements_until_brace(stmts, scope, opened, fmt::format("the `{}` block", block_name(kind)));
  if (declarations_only) {
    for (StmtId id : stmts) {
      const Stmt& stmt = program_.stmts[id];
      if (stmt.kind == Stmt::Kind::kDeclaration || stmt.kind == Stmt::Kind::kEmpty ||
          !stmt.span.valid())
        continue;
      remark(DiagnosticKind::kNotAllowedHere, stmt.span,
             fmt::format("the `{}` block holds declarations only", block_name(kind)),
             kind == BlockKind::kData ? "statements on data stand in `transformed data`"
                                      : "statements stand in `transformed parameters` or `model`");
    }
  }
  Block& stored = program_.block(kind);
  stored.stmts.insert(stored.stmts.end(), stmts.begin(), stmts.end());
  stored.span = source::join(stored.span, span_from(header));
}

void Parser::functions_until_brace(Span opened) {
  while (!at(TokenKind::kRightBrace)) {
    if (at(TokenKind::kEndOfFile) || at_block_header()) {
      if (!stopped_) {
        sink_
            .error(DiagnosticKind::kSyntax, peek().span,
                   fmt::format("found {}; expected `}}` at the end of the `functions` block",
                               describe(peek())))
            .note(opened, "its `{` is here");
      }
      return;
    }
    const size_t before = pos_;
    function();
    if (panic_) {
      synchronise();
      give_up(before);
    }
    if (pos_ == before) advance();
    if (sink_.full() && sink_.num_errors() > 0) stop();
  }
  advance();
}

void Parser::function() {
  Function function;
  const Span begin = peek().span;
  while (at(TokenKind::kAnnotation)) {
    function.annotations.emplace_back(text(peek()).substr(1));
    advance();
  }
  if (at(TokenKind::kIdentifier) || at(TokenKind::kFor) || at(TokenKind::kIf)) {
    fail_expected("the return type of a function", "this block holds function definitions only");
  }
  if (accept(TokenKind::kVoid)) {
    function.return_type = Type::scalar(BaseType::kVoid);
  } else {
    function.return_type = unsized_type();
  }
  function.name = expect_name("the name of a function", function.name_span);
  if (panic_) return;
  if (at(TokenKind::kSemicolon) || at(TokenKind::kAssign)) {
    fail_expected("`(` after the name of a function",
                  "variables cannot be declared in the `functions` block");
    return;
  }
  function_arguments(function);
  if (panic_) return;
  if (!accept(TokenKind::kSemicolon)) {
    if (!at(TokenKind::kLeftBrace)) {
      fail_expected("`{` and the body of the function, or `;`");
      return;
    }
    function.body = statement();
  }
  function.span = span_from(begin);
  program_.functions.add(std::move(function));
}

void Parser::function_arguments(Function& function) {
  const Span opened = peek().span;
  if (!expect(TokenKind::kLeftParen, "after the name of the function")) return;
  if (!accept(TokenKind::kRightParen)) {
    do {
      FunctionArgument argument;
      const Span begin = peek().span;
      argument.is_data = accept(TokenKind::kData);
      argument.type = unsized_type();
      Span name_span;
      argument.name = expect_name("the name of an argument", name_span);
      argument.span = span_from(begin);
      function.arguments.push_back(std::move(argument));
    } while (accept(TokenKind::kComma));
    expect_close(TokenKind::kRightParen);
  }
  function.arguments_span = span_from(opened);
}

}  // namespace vinci::syntax
