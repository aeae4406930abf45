// The recursive-descent parser behind parse.h; expressions, types, statements and blocks each have
// their .cc file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "source/diagnostic.h"
#include "source/source_file.h"
#include "syntax/legacy.h"
#include "syntax/parse.h"

namespace vinci::syntax {

/// After a fault the parser is in panic: no further faults are reported and no token is consumed
/// until `synchronise` has found a place to go on.
class Parser {
 public:
  Parser(source::FileId main, source::SourceMap& sources, source::DiagnosticSink& sink,
         const ParseOptions& options);
  Program run();

 private:
  /// Counts the recursion of the parser itself; `ok()` is false past the limit.
  class DepthGuard {
   public:
    explicit DepthGuard(Parser& parser);
    ~DepthGuard() { --parser_.depth_; }
    DepthGuard(const DepthGuard&) = delete;
    DepthGuard& operator=(const DepthGuard&) = delete;
    bool ok() const { return ok_; }

   private:
    Parser& parser_;
    bool ok_;
  };

  enum class Scope : uint8_t { kLocal, kTop, kTopNoAssign };

  // Tokens (parser.cc).
  const Token& peek(size_t ahead = 0) const;
  bool at(TokenKind kind) const { return peek().kind == kind; }
  bool at_word(size_t ahead, std::string_view word) const;
  std::string_view text(const Token& token) const { return sources_.text(token.span); }
  Token advance();
  bool accept(TokenKind kind);
  Span last_span() const;
  Span span_from(Span begin) const { return source::join(begin, last_span()); }
  bool starts_line() const;
  bool adjacent_arrow() const;  // `<-`
  std::string describe(const Token& token) const;

  // Faults (parser.cc).
  void fail(source::DiagnosticKind kind, Span span, std::string message, std::string hint = {});
  void fail_expected(std::string_view expected, std::string hint = {});
  /// A fault after which the parser goes on where it is.
  void remark(source::DiagnosticKind kind, Span span, std::string message, std::string hint = {});
  bool expect(TokenKind kind, std::string_view where = {});
  bool expect_close(TokenKind kind);
  void expect_semicolon(std::string_view after);
  void synchronise();
  /// Remembers tokens [first, pos_) as a stretch of which the tree holds nothing.
  void give_up(size_t first);
  void name_unparsed(size_t first, size_t last);
  void stop();  // give up on the rest of the program
  bool statement_may_begin() const;

  // Expressions (parse_expressions.cc).
  ExprId add(Expr expr);
  ExprId error_expr();
  /// `head`: the left side of a statement, where `<-` is an assignment.
  ExprId expression(bool head = false);
  ExprId binary(int min_precedence, bool head = false);
  ExprId unary();
  ExprId postfix();
  ExprId primary();
  ExprId number_literal();
  ExprId name_or_call();
  ExprId bracketed();
  ExprId parenthesised();
  ExprId misplaced_token();
  void indices(Expr& indexed);
  std::vector<ExprId> arguments(TokenKind close);
  std::vector<ExprId> printables();
  ExprId string_literal();
  std::string expect_name(std::string_view what, Span& span);

  // Types (parse_types.cc).
  bool at_type() const;
  SizedType sized_type(Scope scope);
  void constraint(SizedType& type, Scope scope);
  void sizes(SizedType& type, TokenKind keyword);
  Type unsized_type();

  // Statements (parse_statements.cc).
  StmtId add(Stmt stmt);
  StmtId statement();
  void statements_until_brace(std::vector<StmtId>& out, Scope scope, Span opened,
                              std::string_view what);
  void statement_into(std::vector<StmtId>& out, Scope scope);
  void declaration(std::vector<StmtId>& out, Scope scope);
  StmtId block_statement();
  bool at_array_of_tilde() const;  // `{1, 2} ~ normal(0, 1);`, not a block
  StmtId if_statement();
  StmtId while_statement();
  StmtId for_statement();
  StmtId profile_statement();
  StmtId print_statement();
  StmtId return_statement();
  StmtId increment_statement();
  StmtId expression_statement();
  void tilde(Stmt& stmt);
  bool check_assignable(ExprId lhs);

  // Blocks (parse_blocks.cc).
  bool at_block_header() const;
  void program();
  bool block_header(BlockKind& kind, Span& span);
  bool unknown_block_header(BlockKind& kind, Span& span);
  void block(BlockKind kind, Span header);
  void functions_until_brace(Span opened);
  void function();
  void function_arguments(Function& function);
  void skip_to_block_header();

  source::SourceMap& sources_;
  source::DiagnosticSink& sink_;
  const ParseOptions& options_;
  source::FileId main_;
  std::vector<Token> tokens_;
  size_t pos_ = 0;
  Program program_;
  std::vector<int> expr_heights_;
  std::vector<int> stmt_heights_;
  LegacyUses legacy_;
  // Precedences that the grammar names: constraints hold no comparison (`>` closes them), and the
  // prefix operators stand between the arithmetic ones and power: `-a ^ b` is `-(a ^ b)`, `-a * b`
  // is `(-a) * b`.
  static constexpr int kAdditivePrecedence = 5;
  static constexpr int kPowerPrecedence = 8;

  int depth_ = 0;
  int open_braces_ = 0;  // of array literals
  int open_braces_at_fault_ = 0;
  bool panic_ = false;
  int settled_errors_ = 0;  // those before the present statement, and those of statements given up
  bool stopped_ = false;
  int last_block_ = -1;
};

}  // namespace vinci::syntax
