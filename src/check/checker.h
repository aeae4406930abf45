// The checker's state and its methods, shared by the .cc files of this folder; check.h is what
// others use.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "check/library.h"
#include "source/diagnostic.h"
#include "syntax/ast.h"

namespace vinci::check {

using source::DiagnosticKind;
using source::Span;
using syntax::BlockKind;
using syntax::CallTarget;
using syntax::Expr;
using syntax::ExprId;
using syntax::FunctionId;
using syntax::Operator;
using syntax::Stmt;
using syntax::StmtId;
using syntax::Type;
using syntax::Variable;
using syntax::VariableId;

/// `+` and so on, as written.
std::string_view operator_text(Operator op);
/// `the transformed data block` and so on.
std::string block_text(BlockKind block);
/// `x` in backticks.
std::string quoted(std::string_view text);
std::string quoted(const Type& type);

class Checker {
 public:
  Checker(syntax::Program& program, source::DiagnosticSink& sink)
      : program_(program), sink_(sink) {}
  void run();

 private:
  // ---- program, functions: checker.cc
  void register_functions();
  void register_function(FunctionId id);
  void check_signature(const syntax::Function& function, Suffix suffix);
  void check_function_body(FunctionId id);
  void check_block(BlockKind block);
  /// Whether control never passes the end of `id`: it returns, rejects, or loops for ever.
  bool never_completes(StmtId id) const;
  bool contains_break(StmtId id) const;

  // ---- names: checker.cc
  class Scope;
  /// Adds a variable to the innermost scope, reporting reserved and doubly declared names.
  VariableId declare(Variable variable);
  void check_new_name(const std::string& name, Span span);
  const Variable* find_variable(const std::string& name) const;
  /// Whether `name`, with or without a density's suffix, stands where the parser skipped text: what
  /// is not known of it may have been there.
  bool may_be_unparsed(const std::string& name) const;

  // ---- declarations: declarations.cc
  void check_declaration(StmtId id);
  void check_declaration_place(const Stmt& stmt);
  void check_discrete_parameter(const syntax::SizedType& type, const Stmt& stmt);
  void check_sized_type(const syntax::SizedType& type, const std::string& name, bool global);
  void check_size(ExprId size, const std::string& name, bool global);
  void check_constraint(const syntax::SizedType& type, const std::string& name, bool global);
  void check_bound(ExprId bound, const syntax::SizedType& type, const char* what);

  // ---- statements: statements.cc
  void check_stmt(StmtId id);
  void check_body(StmtId id);
  void check_assignment(StmtId id);
  void check_compound(const Stmt& stmt, const Type& target, const Type& value);
  /// A variable on the left side of an assignment and the tuple elements chosen of it.
  struct Place {
    VariableId variable;
    std::vector<int64_t> path;
    bool overlaps(const Place& other) const;
  };
  void check_places(ExprId lhs, std::vector<Place>& places);
  void check_lhs_reads(ExprId lhs, const std::vector<Place>& places);
  void check_assignable(const Expr& root, const Variable& variable);
  void check_increment(const Stmt& stmt);
  void check_tilde(StmtId id);
  void check_truncation(const Stmt& stmt);
  void check_call_statement(StmtId id);
  void check_message(const Stmt& stmt);
  void check_if(StmtId id);
  void check_condition(ExprId condition);
  void check_for(StmtId id);
  void check_foreach(StmtId id);
  void check_return(const Stmt& stmt);

  // ---- expressions: expressions.cc
  /// Types the whole tree under `id`, without recursion; reports functions and void calls used as
  /// values. Returns the type, kError after a diagnostic.
  Type check_value(ExprId id);
  /// The same, and the type must be int.
  void check_int(ExprId id, const std::string& what);
  void type_tree(ExprId root);
  void push_children(ExprId id, std::vector<std::pair<ExprId, bool>>& stack);
  void require_value(ExprId id);
  void infer(ExprId id);
  void infer_variable(Expr& expr);
  void infer_unary(Expr& expr);
  void infer_binary(Expr& expr);
  void infer_ternary(Expr& expr);
  void infer_indexed(Expr& expr);
  void infer_array(Expr& expr);
  void infer_row_vector(Expr& expr);
  void infer_tuple(Expr& expr);
  void infer_projection(Expr& expr);
  void infer_target(Expr& expr);
  /// The type of `left op right`, nullopt if there is none.
  std::optional<Type> binary_type(Operator op, const Type& left, const Type& right) const;
  void report_operands(Operator op, Span span, const Type& left, const Type& right);
  bool names_function(ExprId id) const;

  // ---- calls: calls.cc
  struct Call {
    std::string name;   // full, such as normal_lpdf
    std::string shown;  // as written: normal in a `~`
    Span name_span;
    Span span;
    std::vector<ExprId> args;
    bool tilde = false;  // args[0] is the outcome
  };
  struct Resolution {
    CallTarget target = CallTarget::kUnresolved;
    FunctionId function;
    Type type;
    bool ambiguous = false;
    bool promoted = false;
  };
  void infer_call(ExprId id);
  /// Warns of library functions that others have replaced and that cannot be rewritten by name.
  void warn_deprecated(Expr& expr);
  void check_call_place(const std::string& name, Suffix suffix, Span span);
  void check_bar(Expr& expr, Suffix suffix);
  std::vector<Argument> arguments_of(std::span<const ExprId> args) const;
  /// May stand where only data may: see Expr::is_data; ints and what generated quantities hold may
  /// too.
  bool may_be_data(const Expr& expr) const;
  bool is_function_name(const std::string& name) const;
  const std::vector<FunctionId>* find_functions(const std::string& name) const;
  std::optional<Resolution> resolve(const std::string& name,
                                    std::span<const Argument> arguments) const;
  std::optional<Resolution> resolve_user(const std::vector<FunctionId>& overloads,
                                         std::span<const Argument> arguments) const;
  void report_unknown_function(const Call& call);
  void report_mismatch(const Call& call);
  void report_user_mismatch(const Call& call, const std::vector<FunctionId>& overloads,
                            std::span<const Argument> arguments);
  std::string argument_name(const Call& call, int index) const;
  void infer_higher_order(Expr& expr, const HigherOrder& row);
  /// How many promotions it takes to give `given` (all arguments after the function) to `callback`.
  std::optional<int> callback_cost(const syntax::Function& callback, const HigherOrder& row,
                                   std::string_view fixed, std::span<const ExprId> given) const;
  void check_callback_suffix(const Expr& callback, const std::string& caller);
  /// The alternative of row.fixed that the call follows, empty after a diagnostic.
  std::string_view check_fixed_arguments(Expr& expr, const HigherOrder& row);
  /// Resolves the function names among the arguments of a Laplace approximation.
  void prepare_laplace(std::span<const ExprId> args);
  std::string signature_text(const syntax::Function& function) const;

  bool in_function() const { return function_ != nullptr; }

  Expr& expr(ExprId id) { return program_.exprs[id]; }
  const Expr& expr(ExprId id) const { return program_.exprs[id]; }
  Stmt& stmt(StmtId id) { return program_.stmts[id]; }
  const Stmt& stmt(StmtId id) const { return program_.stmts[id]; }
  source::Diagnostic& error(DiagnosticKind kind, Span span, std::string message) {
    return sink_.error(kind, span, std::move(message));
  }

  syntax::Program& program_;
  source::DiagnosticSink& sink_;
  std::unordered_map<std::string, VariableId> visible_;
  std::vector<std::string>* scope_ = nullptr;  // names of the innermost scope
  std::unordered_map<std::string, std::vector<FunctionId>>
      functions_;                  // one id per signature, with body
  std::set<std::string> unknown_;  // names already reported
  BlockKind block_ = BlockKind::kFunctions;
  const syntax::Function* function_ = nullptr;  // whose body is being checked
  Suffix function_suffix_ = Suffix::kNone;
  std::string declaring_;  // the variable whose value is being checked
  int loop_depth_ = 0;
  int block_depth_ = 0;  // 0 at the top of a program block
};

/// Names of one block; leaving it makes them invisible.
class Checker::Scope {
 public:
  explicit Scope(Checker& checker) : checker_(checker), outer_(checker.scope_) {
    checker.scope_ = &names_;
  }
  ~Scope() {
    for (const std::string& name : names_) checker_.visible_.erase(name);
    checker_.scope_ = outer_;
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Checker& checker_;
  std::vector<std::string>* outer_;
  std::vector<std::string> names_;
};

}  // namespace vinci::check
