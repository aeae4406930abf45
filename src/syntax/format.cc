#include "syntax/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>
#include <vector>

#include "syntax/doc.h"
#include "syntax/parse.h"
#include "syntax/spelling.h"

namespace vinci::syntax {

namespace {

constexpr int kIndent = 2;
constexpr int kContinuation = 4;  // of a statement's broken lines

bool ends_its_line(std::string_view comment) { return !comment.starts_with("/*"); }

/// Prints nodes in the order of the source and with each the comments that stand before it. A
/// comment stays behind what precedes it on its line, or on a line of its own. Comments at places
/// where the layout has no break, such as between a name and its `=`, move to the end of their
/// statement.
class Formatter {
 public:
  Formatter(const Program& program, source::FileId file, const source::SourceMap& sources,
            const FormatOptions& options)
      : program_(program),
        file_(file),
        sources_(sources),
        options_(options),
        text_(sources[file].text()) {
    for (const Comment& comment : program.comments) {
      if (comment.span.file == file) comments_.push_back(comment.span);
    }
  }

  std::string run() {
    if (program_.functions_only) functions();
    for (int i = 0; i < kNumBlocks; ++i) {
      if (program_.blocks[i].present) block(static_cast<BlockKind>(i));
    }
    flush_comments(static_cast<uint32_t>(text_.size()));
    return std::move(out_);
  }

 private:
  // Comments.

  bool comment_before(uint32_t end) const {
    return next_comment_ < comments_.size() && comments_[next_comment_].begin < end;
  }

  std::string take_comment() {
    const Span span = comments_[next_comment_++];
    std::string_view text = sources_.text(span);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    if (text.starts_with('#') && !(text.starts_with("#include") && !is_word_at(text, 8))) {
      return fmt::format("//{}", text.substr(1));
    }
    return std::string(text);
  }

  static bool is_word_at(std::string_view text, size_t i) {
    return i < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_');
  }

  /// Does only blank space stand before `begin` on its line?
  bool begins_line(uint32_t begin) const {
    const std::string_view before = text_.substr(0, begin);
    const size_t last = before.find_last_not_of(" \t\r\f\v");
    return last == std::string_view::npos || before[last] == '\n';
  }

  bool blank_line_between(uint32_t begin, uint32_t end) const {
    if (begin >= end) return false;
    int newlines = 0;
    for (const char c : text_.substr(begin, end - begin)) {
      if (c == '\n') {
        if (++newlines == 2) return true;
      } else if (c != ' ' && c != '\t' && c != '\r' && c != '\f' && c != '\v') {
        newlines = 0;
      }
    }
    return false;
  }

  /// Comments that stand before `end` between two statements.
  void flush_comments(uint32_t end) {
    while (comment_before(end)) {
      const Span span = comments_[next_comment_];
      if (!out_.empty() && !begins_line(span.begin)) {
        append_comment(indent_);
      } else {
        start_line(span.begin);
        const std::string comment = take_comment();
        out_.append(comment).append("\n");
        line_is_closed_ = ends_its_line(comment);
      }
      last_end_ = std::max(last_end_, span.end);
    }
  }

  /// The next comment at the end of the last line, or below it where a `//` closes that line.
  void append_comment(int indent) {
    const std::string comment = take_comment();
    if (line_is_closed_) {
      out_.append(static_cast<size_t>(indent * kIndent), ' ');
    } else {
      out_.back() = ' ';
    }
    out_.append(comment).append("\n");
    line_is_closed_ = ends_its_line(comment);
  }

  // Lines.

  size_t indent_columns() const { return static_cast<size_t>(indent_ * kIndent); }

  void start_line(uint32_t begin) {
    if (!out_.empty() && !at_block_start_ && blank_line_between(last_end_, begin)) out_ += '\n';
    at_block_start_ = line_is_closed_ = false;
    out_.append(indent_columns(), ' ');
  }

  bool begins_output_line() const {
    const size_t last = out_.find_last_not_of(' ');
    return last == std::string::npos || out_[last] == '\n';
  }

  void layout(const Doc& doc) {
    const size_t line_begin = out_.rfind('\n') + 1;  // npos + 1 is 0
    const auto column = static_cast<int>(std::min<size_t>(out_.size() - line_begin, 10'000));
    doc.layout(out_, column, indent_ * kIndent + kContinuation, options_.max_columns);
  }

  /// A whole statement on a line of its own, `doc` being filled by `fill`.
  template <class Fill>
  void simple(Span span, Fill fill) {
    flush_comments(span.begin);
    start_line(span.begin);
    Doc doc;
    fill(doc);
    layout(doc);
    out_ += '\n';
    finish(span.end);
  }

  void finish(uint32_t end) {
    last_end_ = std::max(last_end_, end);
    // Those that the layout had no place for; below a bare body they stand before what follows.
    while (comment_before(end)) append_comment(indent_ - num_bare_bodies_);
  }

  // Blocks.

  void block(BlockKind kind) {
    const Block& block = program_.block(kind);
    flush_comments(block.span.begin);
    start_line(block.span.begin);
    out_ += block_name(kind);
    open_brace(block.span.begin);
    if (kind == BlockKind::kFunctions) {
      functions();
    } else {
      statements(block.stmts);
    }
    close_brace(block.span.end);
  }

  void open_brace(uint32_t begin) {
    out_ += begins_output_line() ? "{\n" : " {\n";
    ++indent_;
    at_block_start_ = true;
    line_is_closed_ = false;
    last_end_ = std::max(last_end_, begin);
  }

  void close_brace(uint32_t end) {
    flush_comments(end);
    --indent_;
    at_block_start_ = line_is_closed_ = false;
    out_.append(indent_columns(), ' ').append("}\n");
    last_end_ = std::max(last_end_, end);
  }

  void braces(const Stmt& stmt) {
    const int num_bare_bodies = std::exchange(num_bare_bodies_, 0);
    open_brace(stmt.span.begin);
    statements(stmt.stmts);
    close_brace(stmt.span.end);
    num_bare_bodies_ = num_bare_bodies;
  }

  void functions() {
    for (const Function& function : program_.functions) {
      flush_comments(function.span.begin);
      for (const std::string& annotation : function.annotations) {
        start_line(function.span.begin);
        at_block_start_ = true;  // no blank line between it and the function
        out_.append("@").append(annotation).append("\n");
      }
      start_line(function.span.begin);
      Doc doc;
      doc.text(fmt::format("{} {}(", to_string(function.return_type), function.name));
      doc.begin_nest(kIndent);
      list(
          doc, function.arguments.size(), function.arguments_span.end,
          [&](size_t i) { return function.arguments[i].span.begin; },
          [&](size_t i) {
            const FunctionArgument& argument = function.arguments[i];
            doc.text(fmt::format("{}{} {}", argument.is_data ? "data " : "",
                                 to_string(argument.type), argument.name));
          });
      doc.end_nest();
      doc.text(function.body.valid() ? ")" : ");");
      layout(doc);
      if (!function.body.valid()) {
        out_ += '\n';
        finish(function.span.end);
        continue;
      }
      body(function.body);
    }
  }

  // Statements.

  void statements(const std::vector<StmtId>& ids) {
    for (size_t i = 0; i < ids.size(); ++i) {
      if (program_.stmts[ids[i]].kind != Stmt::Kind::kDeclaration) {
        statement(ids[i]);
        continue;
      }
      size_t count = 1;
      while (i + count < ids.size() && continues(ids[i], ids[i + count])) ++count;
      declaration(ids, i, count);
      i += count - 1;
    }
  }

  bool continues(StmtId first, StmtId next) const {
    const Stmt& stmt = program_.stmts[next];
    return stmt.kind == Stmt::Kind::kDeclaration && stmt.continues_declaration &&
           stmt.decl_type.array_dims == program_.stmts[first].decl_type.array_dims;
  }

  void declaration(const std::vector<StmtId>& ids, size_t first, size_t count) {
    const Stmt& head = program_.stmts[ids[first]];
    Span span = source::join(head.span, program_.stmts[ids[first + count - 1]].span);
    // `int x[2], y;` becomes two statements, of which the second begins within the first.
    if (head.continues_declaration) span.begin = std::max(span.begin, head.name_span.begin);
    simple(span, [&](Doc& doc) {
      sized_type(doc, head.decl_type);
      doc.text(" ");
      list(
          doc, count, 0, [&](size_t i) { return program_.stmts[ids[first + i]].name_span.begin; },
          [&](size_t i) {
            const Stmt& stmt = program_.stmts[ids[first + i]];
            doc.text(stmt.name);
            if (!stmt.expr.valid()) return;
            doc.text(" = ");
            expression(doc, stmt.expr);
          });
      doc.text(";");
    });
  }

  void statement(StmtId id) {
    const Stmt& stmt = program_.stmts[id];
    switch (stmt.kind) {
      case Stmt::Kind::kDeclaration:
        return declaration({id}, 0, 1);
      case Stmt::Kind::kIf:
        return if_statement(id);
      case Stmt::Kind::kWhile:
      case Stmt::Kind::kFor:
      case Stmt::Kind::kForEach:
      case Stmt::Kind::kProfile: {
        flush_comments(stmt.span.begin);
        start_line(stmt.span.begin);
        Doc doc;
        loop_head(doc, stmt);
        layout(doc);
        if (stmt.kind != Stmt::Kind::kProfile) return body(stmt.body);
        return braces(stmt);
      }
      case Stmt::Kind::kBlock:
        flush_comments(stmt.span.begin);
        start_line(stmt.span.begin);
        return braces(stmt);
      default:
        simple(stmt.span, [&](Doc& doc) { simple_statement(doc, stmt); });
    }
  }

  void loop_head(Doc& doc, const Stmt& stmt) {
    if (stmt.kind == Stmt::Kind::kProfile) {
      doc.text(fmt::format("profile(\"{}\")", stmt.text));
    } else if (stmt.kind == Stmt::Kind::kWhile) {
      doc.text("while (");
      expression(doc, stmt.expr);
      doc.text(")");
    } else {
      doc.text(fmt::format("for ({} in ", stmt.name));
      expression(doc, stmt.kind == Stmt::Kind::kFor ? stmt.low : stmt.expr);
      if (stmt.kind == Stmt::Kind::kFor) {
        doc.text(":");
        expression(doc, stmt.high);
      }
      doc.text(")");
    }
  }

  /// The statement that a condition or loop governs, behind its head.
  void body(StmtId id) {
    const Stmt& stmt = program_.stmts[id];
    if (stmt.kind == Stmt::Kind::kBlock) {
      braces(stmt);
      return;
    }
    out_ += '\n';
    ++indent_;
    ++num_bare_bodies_;
    at_block_start_ = true;
    statement(id);
    --num_bare_bodies_;
    --indent_;
  }

  void if_statement(StmtId id) {
    flush_comments(program_.stmts[id].span.begin);
    start_line(program_.stmts[id].span.begin);
    for (;;) {
      const Stmt& stmt = program_.stmts[id];
      Doc doc;
      doc.text("if (");
      expression(doc, stmt.expr);
      doc.text(")");
      layout(doc);
      body(stmt.body);
      if (!stmt.else_body.valid()) return;
      const Stmt& other = program_.stmts[stmt.else_body];
      const bool same_line =
          program_.stmts[stmt.body].kind == Stmt::Kind::kBlock && !comment_before(other.span.begin);
      flush_comments(other.span.begin);
      at_block_start_ = line_is_closed_ = false;
      if (same_line) {
        out_.back() = ' ';
      } else {
        out_.append(indent_columns(), ' ');
      }
      out_ += "else";
      if (other.kind != Stmt::Kind::kIf) return body(stmt.else_body);
      out_ += ' ';
      id = stmt.else_body;
    }
  }

  void simple_statement(Doc& doc, const Stmt& stmt) {
    const auto call = [&](std::string_view name) {
      doc.text(fmt::format("{}(", name));
      arguments(doc, stmt.args, 0, stmt.span.end);
      doc.text(")");
    };
    switch (stmt.kind) {
      case Stmt::Kind::kAssign:
        expression(doc, stmt.lhs);
        doc.text(fmt::format(" {}= ", spelling(stmt.op)));
        expression(doc, stmt.expr);
        break;
      case Stmt::Kind::kTargetPlus:
        doc.text("target += ");
        expression(doc, stmt.expr);
        break;
      case Stmt::Kind::kJacobianPlus:
        doc.text("jacobian += ");
        expression(doc, stmt.expr);
        break;
      case Stmt::Kind::kTilde:
        expression(doc, stmt.lhs);
        doc.text(" ~ ");
        call(stmt.name);
        if (stmt.truncated) {
          doc.text(" T[");
          if (stmt.low.valid()) expression(doc, stmt.low);
          doc.text(", ");
          if (stmt.high.valid()) expression(doc, stmt.high);
          doc.text("]");
        }
        break;
      case Stmt::Kind::kCall:
        expression(doc, stmt.expr);
        break;
      case Stmt::Kind::kPrint:
        call("print");
        break;
      case Stmt::Kind::kReject:
        call("reject");
        break;
      case Stmt::Kind::kFatalError:
        call("fatal_error");
        break;
      case Stmt::Kind::kBreak:
        doc.text("break");
        break;
      case Stmt::Kind::kContinue:
        doc.text("continue");
        break;
      case Stmt::Kind::kReturn:
        doc.text("return");
        if (stmt.expr.valid()) {
          doc.text(" ");
          expression(doc, stmt.expr);
        }
        break;
      default:
        break;
    }
    doc.text(";");
  }

  // Types.

  void sized_type(Doc& doc, const SizedType& type) {
    if (!type.array_dims.empty()) {
      doc.text("array[");
      arguments(doc, type.array_dims, 0, 0);
      doc.text("] ");
    }
    doc.text(std::string(type_keyword(type.base, type.constraint.kind)));
    if (type.base == BaseType::kTuple) {
      doc.text("(");
      doc.begin_nest(kIndent);
      list(
          doc, type.elements.size(), 0, [&](size_t i) { return type.elements[i].span.begin; },
          [&](size_t i) { sized_type(doc, type.elements[i]); });
      doc.end_nest();
      doc.text(type.elements.size() == 1 ? ",)" : ")");
    }
    const BoundWords words = bound_words(type.constraint.kind);
    if (!words.low.empty()) {
      doc.text("<");
      const bool both = type.constraint.low.valid() && type.constraint.high.valid();
      if (type.constraint.low.valid()) bound(doc, words.low, type.constraint.low);
      if (both) doc.text(", ");
      if (type.constraint.high.valid()) bound(doc, words.high, type.constraint.high);
      doc.text(">");
    }
    if (!type.dims.empty()) {
      doc.text("[");
      arguments(doc, type.dims, 0, 0);
      doc.text("]");
    }
  }

  void bound(Doc& doc, std::string_view word, ExprId value) {
    doc.text(fmt::format("{}=", word));
    expression(doc, value);
  }

  // Expressions.

  /// Comments before `begin`: those behind the last token now, true if the next line must begin
  /// before `begin`.
  bool trailing_comments(Doc& doc, uint32_t begin) {
    bool any = false;
    bool closed = false;
    while (!closed && comment_before(begin) && !begins_line(comments_[next_comment_].begin)) {
      const std::string comment = take_comment();
      doc.text(fmt::format(" {}", comment));
      any = true;
      closed = ends_its_line(comment);
    }
    return any || comment_before(begin);
  }

  void own_line_comments(Doc& doc, uint32_t begin) {
    while (comment_before(begin)) {
      doc.text(take_comment());
      doc.hard_line();
    }
  }

  /// What `item` prints, behind a place where the line may be broken and the comments that stand
  /// there.
  template <class Item>
  void on_next_line(Doc& doc, uint32_t begin, bool may_break, Item item) {
    const bool comments = trailing_comments(doc, begin);
    if (!comments && !may_break) {
      item();
      return;
    }
    doc.begin_group();
    if (comments) doc.break_parent();
    doc.line();
    own_line_comments(doc, begin);
    item();
    doc.end_group();
  }

  /// `count` items with commas between them; comments up to `end` belong to it.
  template <class BeginOf, class Item>
  void list(Doc& doc, size_t count, uint32_t end, BeginOf begin_of, Item item,
            bool break_first = false) {
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) doc.text(",");
      on_next_line(doc, begin_of(i), i > 0 || break_first, [&] { item(i); });
    }
    if (!trailing_comments(doc, end)) return;
    doc.break_parent();
    while (comment_before(end)) {
      doc.hard_line();
      doc.text(take_comment());
    }
    doc.hard_line();
  }

  void arguments(Doc& doc, const std::vector<ExprId>& args, size_t first, uint32_t end) {
    doc.begin_nest(kIndent);
    list(
        doc, args.size() - first, end,
        [&](size_t i) { return program_.exprs[args[first + i]].span.begin; },
        [&](size_t i) { expression(doc, args[first + i]); });
    doc.end_nest();
  }

  void expression(Doc& doc, ExprId id) {
    const Expr& expr = program_.exprs[id];
    switch (expr.kind) {
      case Expr::Kind::kIntLiteral:
      case Expr::Kind::kRealLiteral:
      case Expr::Kind::kImaginaryLiteral:
      case Expr::Kind::kVariable:
        return doc.text(expr.name);
      case Expr::Kind::kStringLiteral:
        return doc.text(fmt::format("\"{}\"", expr.text));
      case Expr::Kind::kTarget:
        return doc.text("target()");
      case Expr::Kind::kError:
        return doc.text(std::string(sources_.text(expr.span)));
      case Expr::Kind::kUnary:
        doc.text(std::string(spelling(expr.op)));
        return expression(doc, expr.args[0]);
      case Expr::Kind::kPostfix:
        expression(doc, expr.args[0]);
        return doc.text(std::string(spelling(expr.op)));
      case Expr::Kind::kBinary:
        return binary(doc, id);
      case Expr::Kind::kTernary:
        expression(doc, expr.args[0]);
        operand(doc, "? ", expr.args[1]);
        return operand(doc, ": ", expr.args[2]);
      case Expr::Kind::kIndexed:
        expression(doc, expr.args[0]);
        return indices(doc, expr);
      case Expr::Kind::kCall:
        return call(doc, expr);
      case Expr::Kind::kArrayLiteral:
        return bracketed(doc, "{", expr, "}");
      case Expr::Kind::kRowVectorLiteral:
        return bracketed(doc, "[", expr, "]");
      case Expr::Kind::kParenthesised:
        return bracketed(doc, "(", expr, ")");
      case Expr::Kind::kTuple:
        return bracketed(doc, "(", expr, expr.args.size() == 1 ? ",)" : ")");
      case Expr::Kind::kProjection: {
        expression(doc, expr.args[0]);
        // `1 .2` is no number: the checker refuses it, so the formatter must not make it one.
        const Expr::Kind base = program_.exprs[expr.args[0]].kind;
        const bool is_number = base == Expr::Kind::kIntLiteral || base == Expr::Kind::kRealLiteral;
        return doc.text(fmt::format("{}.{}", is_number ? " " : "", expr.integer));
      }
    }
  }

  void operand(Doc& doc, const std::string& prefix, ExprId id) {
    on_next_line(doc, program_.exprs[id].span.begin, true, [&] {
      doc.text(prefix);
      expression(doc, id);
    });
  }

  void binary(Doc& doc, ExprId id) {
    const int tightness = precedence(program_.exprs[id].op);
    std::vector<ExprId> chain{id};  // from the last operator to the first
    const auto left_of = [this](ExprId node) { return program_.exprs[node].args[0]; };
    const bool is_power =
        program_.exprs[id].op == Operator::kPower || program_.exprs[id].op == Operator::kEltPower;
    while (!is_power) {
      const Expr& left = program_.exprs[left_of(chain.back())];
      if (left.kind != Expr::Kind::kBinary || precedence(left.op) != tightness) break;
      chain.push_back(left_of(chain.back()));
    }
    expression(doc, left_of(chain.back()));
    for (auto node = chain.rbegin(); node != chain.rend(); ++node) {
      const Expr& expr = program_.exprs[*node];
      operand(doc, fmt::format("{} ", spelling(expr.op)), expr.args[1]);
    }
  }

  void call(Doc& doc, const Expr& expr) {
    doc.text(expr.name + "(");
    if (!expr.conditional) {
      arguments(doc, expr.args, 0, expr.span.end);
    } else {
      arguments(doc, {expr.args[0]}, 0, 0);
      doc.text(" |");
      doc.begin_nest(kIndent);
      list(
          doc, expr.args.size() - 1, expr.span.end,
          [&](size_t i) { return program_.exprs[expr.args[i + 1]].span.begin; },
          [&](size_t i) { expression(doc, expr.args[i + 1]); }, true);
      doc.end_nest();
    }
    doc.text(")");
  }

  void bracketed(Doc& doc, const char* open, const Expr& expr, const char* close) {
    doc.text(open);
    arguments(doc, expr.args, 0, expr.span.end);
    doc.text(close);
  }

  void indices(Doc& doc, const Expr& expr) {
    doc.text("[");
    doc.begin_nest(kIndent);
    bool first = true;
    for (const IndexExpr& index : expr.indices) {
      if (!first) doc.text(",");
      doc.begin_group();
      if (!first) doc.line();
      if (index.low.valid()) expression(doc, index.low);
      if (index.kind != IndexExpr::Kind::kSingle) doc.text(":");
      if (index.high.valid()) expression(doc, index.high);
      doc.end_group();
      first = false;
    }
    doc.end_nest();
    doc.text("]");
  }

  const Program& program_;
  const source::FileId file_;
  const source::SourceMap& sources_;
  const FormatOptions& options_;
  std::string_view text_;
  std::vector<Span> comments_;
  size_t next_comment_ = 0;
  std::string out_;
  int indent_ = 0;
  uint32_t last_end_ = 0;
  int num_bare_bodies_ = 0;  // open bodies without braces, inside the innermost braces
  bool at_block_start_ = false;
  bool line_is_closed_ = false;  // by a `//` comment
};

}  // namespace

std::string format(const Program& program, source::FileId file, const source::SourceMap& sources,
                   const FormatOptions& options) {
  return Formatter(program, file, sources, options).run();
}

}  // namespace vinci::syntax
