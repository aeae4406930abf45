// The typed tree as text, for `--dump=typed` and for tests.
#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "check/check.h"
#include "check/checker.h"

namespace vinci::check {
namespace {

using syntax::IndexExpr;
using syntax::Program;

/// Deeper lines are not indented further, so that the text stays linear in the size of the program.
constexpr int kMaxIndent = 40;

class Dumper {
 public:
  explicit Dumper(const Program& program) : program_(program) {}

  std::string run() {
    for (int32_t i = 0; i < program_.functions.size(); ++i)
      function(program_.functions[syntax::FunctionId{i}]);
    for (int i = 1; i < syntax::kNumBlocks; ++i) {
      const syntax::Block& block = program_.blocks[i];
      if (!block.present) continue;
      line(0, block_text(static_cast<BlockKind>(i)).substr(4));  // without "the "
      for (StmtId id : block.stmts) statement(id, 1);
    }
    return std::move(text_);
  }

 private:
  void line(int depth, std::string_view content) {
    text_.append(static_cast<size_t>(std::min(depth, kMaxIndent)) * 2, ' ');
    text_ += content;
    text_ += '\n';
  }

  void function(const syntax::Function& f) {
    std::string head = "function " + f.name + "(";
    for (size_t i = 0; i < f.arguments.size(); ++i) {
      const syntax::FunctionArgument& argument = f.arguments[i];
      head += (i > 0 ? ", " : "") + std::string(argument.is_data ? "data " : "") +
              to_string(argument.type) + " " + argument.name;
    }
    line(0, head + ") : " + to_string(f.return_type) + (f.body.valid() ? "" : " (declared)"));
    if (f.body.valid()) statement(f.body, 1);
  }

  static std::string target_text(CallTarget target) {
    return target == CallTarget::kUser      ? "user"
           : target == CallTarget::kLibrary ? "library"
                                            : "unresolved";
  }

  std::string describe(const Expr& e) const {
    std::string head;
    switch (e.kind) {
      case Expr::Kind::kIntLiteral:
        head = "int " + std::to_string(e.integer);
        break;
      case Expr::Kind::kRealLiteral:
        head = "real " + number_text(e.number);
        break;
      case Expr::Kind::kImaginaryLiteral:
        head = "imaginary " + number_text(e.number);
        break;
      case Expr::Kind::kStringLiteral:
        head = "text";
        break;
      case Expr::Kind::kVariable:
        head = e.name;
        break;
      case Expr::Kind::kUnary:
      case Expr::Kind::kBinary:
      case Expr::Kind::kPostfix:
        head = operator_text(e.op);
        break;
      case Expr::Kind::kTernary:
        head = "?:";
        break;
      case Expr::Kind::kIndexed:
        head = "[" + index_kinds(e) + "]";
        break;
      case Expr::Kind::kCall:
        head = target_text(e.target) + " " + e.name + "()";
        break;
      case Expr::Kind::kArrayLiteral:
        head = "{}";
        break;
      case Expr::Kind::kRowVectorLiteral:
        head = "[...]";
        break;
      case Expr::Kind::kTuple:
      case Expr::Kind::kParenthesised:
        head = "()";
        break;
      case Expr::Kind::kProjection:
        head = "." + std::to_string(e.integer);
        break;
      case Expr::Kind::kTarget:
        head = "target()";
        break;
      case Expr::Kind::kError:
        head = "error";
        break;
    }
    return head + " : " + to_string(e.type) + (e.is_data ? " data" : "");
  }

  static std::string number_text(double number) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.17g", number);
    return buffer;
  }

  static std::string index_kinds(const Expr& e) {
    std::string text;
    for (const IndexExpr& index : e.indices) {
      if (!text.empty()) text += ", ";
      switch (index.kind) {
        case IndexExpr::Kind::kAll:
          text += ":";
          break;
        case IndexExpr::Kind::kSingle:
          text += "i";
          break;
        case IndexExpr::Kind::kFrom:
          text += "a:";
          break;
        case IndexExpr::Kind::kUpTo:
          text += ":b";
          break;
        case IndexExpr::Kind::kBetween:
          text += "a:b";
          break;
      }
    }
    return text;
  }

  void expression(ExprId root, int depth) {
    if (!root.valid()) return;
    std::vector<std::pair<ExprId, int>> stack{{root, depth}};
    while (!stack.empty()) {
      const auto [id, at] = stack.back();
      stack.pop_back();
      const Expr& e = program_.exprs[id];
      line(at, describe(e));
      for (auto index = e.indices.rbegin(); index != e.indices.rend(); ++index) {
        if (index->high.valid()) stack.emplace_back(index->high, at + 1);
        if (index->low.valid()) stack.emplace_back(index->low, at + 1);
      }
      for (auto arg = e.args.rbegin(); arg != e.args.rend(); ++arg)
        stack.emplace_back(*arg, at + 1);
    }
  }

  void declared_sizes(const syntax::SizedType& type, int depth) {
    for (ExprId id : type.array_dims) expression(id, depth);
    for (ExprId id : type.dims) expression(id, depth);
    expression(type.constraint.low, depth);
    expression(type.constraint.high, depth);
    for (const syntax::SizedType& element : type.elements) declared_sizes(element, depth);
  }

  std::string head(const Stmt& s) const {
    switch (s.kind) {
      case Stmt::Kind::kDeclaration:
        return "declare " + s.name + " : " + to_string(s.decl_type.unsized());
      case Stmt::Kind::kAssign:
        return std::string("assign ") + std::string(operator_text(s.op)) + "=";
      case Stmt::Kind::kTargetPlus:
        return "target +=";
      case Stmt::Kind::kJacobianPlus:
        return "jacobian +=";
      case Stmt::Kind::kTilde:
        return "~ " + target_text(s.target) + " " + s.name + (s.truncated ? " truncated" : "");
      case Stmt::Kind::kCall:
        return "call";
      case Stmt::Kind::kPrint:
        return "print";
      case Stmt::Kind::kReject:
        return "reject";
      case Stmt::Kind::kFatalError:
        return "fatal_error";
      case Stmt::Kind::kIf:
        return "if";
      case Stmt::Kind::kWhile:
        return "while";
      case Stmt::Kind::kFor:
        return "for " + s.name;
      case Stmt::Kind::kForEach:
        return "for each " + s.name;
      case Stmt::Kind::kBlock:
        return "block";
      case Stmt::Kind::kProfile:
        return "profile";
      case Stmt::Kind::kBreak:
        return "break";
      case Stmt::Kind::kContinue:
        return "continue";
      case Stmt::Kind::kReturn:
        return "return";
      case Stmt::Kind::kEmpty:
        return "empty";
    }
    return {};
  }

  void statement(StmtId id, int depth) {
    while (id.valid()) {
      const Stmt& s = program_.stmts[id];
      line(depth, head(s));
      declared_sizes(s.decl_type, depth + 1);
      expression(s.lhs, depth + 1);
      expression(s.expr, depth + 1);
      for (ExprId argument : s.args) expression(argument, depth + 1);
      expression(s.low, depth + 1);
      expression(s.high, depth + 1);
      for (StmtId inner : s.stmts) statement(inner, depth + 1);
      if (s.body.valid()) statement(s.body, depth + 1);
      if (s.else_body.valid()) line(depth, "else");
      id = s.else_body;
    }
  }

  const Program& program_;
  std::string text_;
};

}  // namespace

std::string dump_typed(const TypedProgram& typed) { return Dumper(typed.program).run(); }

}  // namespace vinci::check
