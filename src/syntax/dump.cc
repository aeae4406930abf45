#include "syntax/dump.h"

#include <fmt/format.h>

#include "syntax/parse.h"
#include "syntax/spelling.h"

namespace vinci::syntax {

namespace {

class Dumper {
 public:
  explicit Dumper(const Program& program) : program_(program) {}

  void program() {
    out_ += "(program";
    const auto functions = [this] {
      for (const Function& f : program_.functions) function(f);
    };
    depth_ = 1;
    if (program_.functions_only) functions();
    for (int i = 0; i < kNumBlocks; ++i) {
      const Block& block = program_.blocks[i];
      if (!block.present) continue;
      line();
      out_ += fmt::format("({}", block_name(static_cast<BlockKind>(i)));
      ++depth_;
      if (static_cast<BlockKind>(i) == BlockKind::kFunctions) functions();
      for (StmtId id : block.stmts) statement(id);
      --depth_;
      out_ += ')';
    }
    out_ += ")\n";
  }

  void expression(ExprId id) {
    if (!id.valid()) {
      out_ += "()";
      return;
    }
    const Expr& expr = program_.exprs[id];
    switch (expr.kind) {
      case Expr::Kind::kIntLiteral:
      case Expr::Kind::kRealLiteral:
      case Expr::Kind::kImaginaryLiteral:
      case Expr::Kind::kVariable:
        out_ += expr.name;
        return;
      case Expr::Kind::kStringLiteral:
        out_ += fmt::format("\"{}\"", expr.text);
        return;
      case Expr::Kind::kTarget:
        out_ += "(target)";
        return;
      case Expr::Kind::kError:
        out_ += "(error)";
        return;
      case Expr::Kind::kUnary:
      case Expr::Kind::kBinary:
      case Expr::Kind::kPostfix:
        list(spelling(expr.op), expr.args);
        return;
      case Expr::Kind::kTernary:
        list("?", expr.args);
        return;
      case Expr::Kind::kCall:
        list(fmt::format("call{} {}", expr.conditional ? "|" : "", expr.name), expr.args);
        return;
      case Expr::Kind::kArrayLiteral:
        list("array", expr.args);
        return;
      case Expr::Kind::kRowVectorLiteral:
        list("row", expr.args);
        return;
      case Expr::Kind::kTuple:
        list("tuple", expr.args);
        return;
      case Expr::Kind::kParenthesised:
        list("paren", expr.args);
        return;
      case Expr::Kind::kProjection:
        out_ += fmt::format("(part {} ", expr.integer);
        expression(expr.args[0]);
        out_ += ')';
        return;
      case Expr::Kind::kIndexed:
        out_ += "(index ";
        expression(expr.args[0]);
        for (const IndexExpr& index : expr.indices) {
          out_ += ' ';
          if (index.kind == IndexExpr::Kind::kSingle) {
            expression(index.low);
            continue;
          }
          out_ += "(:";
          if (index.low.valid()) {
            out_ += " from ";
            expression(index.low);
          }
          if (index.high.valid()) {
            out_ += " to ";
            expression(index.high);
          }
          out_ += ')';
        }
        out_ += ')';
        return;
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void line() {
    out_ += '\n';
    out_.append(2 * static_cast<size_t>(depth_), ' ');
  }

  void list(std::string_view head, const std::vector<ExprId>& args) {
    out_.append("(").append(head);
    for (ExprId arg : args) {
      out_ += ' ';
      expression(arg);
    }
    out_ += ')';
  }

  void sized_type(const SizedType& type) {
    out_ += '(';
    for (ExprId dim : type.array_dims) {
      out_ += "array ";
      expression(dim);
      out_ += ' ';
    }
    out_ += type_keyword(type.base, type.constraint.kind);
    const BoundWords words = bound_words(type.constraint.kind);
    const auto bound = [this](std::string_view word, ExprId value) {
      if (!value.valid()) return;
      out_ += fmt::format(" ({} ", word);
      expression(value);
      out_ += ')';
    };
    bound(words.low, type.constraint.low);
    bound(words.high, type.constraint.high);
    for (ExprId dim : type.dims) {
      out_ += ' ';
      expression(dim);
    }
    for (const SizedType& element : type.elements) {
      out_ += ' ';
      sized_type(element);
    }
    out_ += ')';
  }

  void function(const Function& f) {
    line();
    out_ += "(function ";
    for (const std::string& annotation : f.annotations) out_ += fmt::format("@{} ", annotation);
    out_ += fmt::format("{} ({}) (", f.name, to_string(f.return_type));
    for (const FunctionArgument& argument : f.arguments) {
      out_ += fmt::format("({}{} {})", argument.is_data ? "data " : "", to_string(argument.type),
                          argument.name);
    }
    out_ += ')';
    child(f.body);
    out_ += ')';
  }

  void child(StmtId id) {
    ++depth_;
    if (id.valid()) statement(id);
    --depth_;
  }

  void statement(StmtId id) {
    line();
    const Stmt& stmt = program_.stmts[id];
    const auto with = [this](std::string_view head, ExprId expr) {
      out_ += fmt::format("({} ", head);
      expression(expr);
      out_ += ')';
    };
    switch (stmt.kind) {
      case Stmt::Kind::kDeclaration:
        out_ += fmt::format("(declare {} ", stmt.name);
        sized_type(stmt.decl_type);
        if (stmt.expr.valid()) {
          out_ += ' ';
          expression(stmt.expr);
        }
        out_ += ')';
        return;
      case Stmt::Kind::kAssign:
        out_ += fmt::format("({}= ", spelling(stmt.op));
        expression(stmt.lhs);
        out_ += ' ';
        expression(stmt.expr);
        out_ += ')';
        return;
      case Stmt::Kind::kTargetPlus:
        return with("target+=", stmt.expr);
      case Stmt::Kind::kJacobianPlus:
        return with("jacobian+=", stmt.expr);
      case Stmt::Kind::kCall:
        return with("do", stmt.expr);
      case Stmt::Kind::kTilde:
        out_ += "(~ ";
        expression(stmt.lhs);
        out_ += ' ';
        list(stmt.name, stmt.args);
        if (stmt.truncated) {
          out_ += " (truncate ";
          expression(stmt.low);
          out_ += ' ';
          expression(stmt.high);
          out_ += ')';
        }
        out_ += ')';
        return;
      case Stmt::Kind::kPrint:
        return list("print", stmt.args);
      case Stmt::Kind::kReject:
        return list("reject", stmt.args);
      case Stmt::Kind::kFatalError:
        return list("fatal_error", stmt.args);
      case Stmt::Kind::kIf:
        out_ += "(if ";
        expression(stmt.expr);
        break;
      case Stmt::Kind::kWhile:
        out_ += "(while ";
        expression(stmt.expr);
        break;
      case Stmt::Kind::kFor:
        out_ += fmt::format("(for {} ", stmt.name);
        expression(stmt.low);
        out_ += ' ';
        expression(stmt.high);
        break;
      case Stmt::Kind::kForEach:
        out_ += fmt::format("(foreach {} ", stmt.name);
        expression(stmt.expr);
        break;
      case Stmt::Kind::kBlock:
        out_ += "(block";
        break;
      case Stmt::Kind::kProfile:
        out_ += fmt::format("(profile \"{}\"", stmt.text);
        break;
      case Stmt::Kind::kBreak:
        out_ += "(break)";
        return;
      case Stmt::Kind::kContinue:
        out_ += "(continue)";
        return;
      case Stmt::Kind::kReturn:
        return with("return", stmt.expr);
      case Stmt::Kind::kEmpty:
        out_ += "(empty)";
        return;
    }
    for (StmtId inner : stmt.stmts) child(inner);
    child(stmt.body);
    child(stmt.else_body);
    out_ += ')';
  }

  const Program& program_;
  std::string out_;
  int depth_ = 0;
};

}  // namespace

std::string dump(const Program& program) {
  Dumper dumper(program);
  dumper.program();
  return dumper.take();
}

std::string dump(const Program& program, ExprId expr) {
  Dumper dumper(program);
  dumper.expression(expr);
  return dumper.take();
}

}  // namespace vinci::syntax
