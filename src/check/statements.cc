// Statements: what may stand where, assignments, densities, control flow.
#include <algorithm>
#include <utility>

#include "check/checker.h"
#include "check/type_rules.h"

namespace vinci::check {

using syntax::BaseType;

void Checker::check_body(StmtId id) {
  if (!id.valid()) return;
  Scope scope(*this);
  ++block_depth_;
  if (stmt(id).kind == Stmt::Kind::kBlock) {  // its names are those of this scope
    const std::vector<StmtId> inner = stmt(id).stmts;
    for (StmtId statement : inner) check_stmt(statement);
  } else {
    check_stmt(id);
  }
  --block_depth_;
}

void Checker::check_stmt(StmtId id) {
  if (!id.valid()) return;
  const Stmt::Kind kind = stmt(id).kind;
  const bool declares_only =
      !in_function() && (block_ == BlockKind::kData || block_ == BlockKind::kParameters);
  if (declares_only && kind != Stmt::Kind::kDeclaration && kind != Stmt::Kind::kEmpty) {
    error(DiagnosticKind::kNotAllowedHere, stmt(id).span,
          "a statement stands in " + block_text(block_) + ", which only declares");
    return;
  }
  switch (kind) {
    case Stmt::Kind::kDeclaration:
      return check_declaration(id);
    case Stmt::Kind::kAssign:
      return check_assignment(id);
    case Stmt::Kind::kTargetPlus:
    case Stmt::Kind::kJacobianPlus:
      return check_increment(stmt(id));
    case Stmt::Kind::kTilde:
      return check_tilde(id);
    case Stmt::Kind::kCall:
      return check_call_statement(id);
    case Stmt::Kind::kPrint:
    case Stmt::Kind::kReject:
    case Stmt::Kind::kFatalError:
      return check_message(stmt(id));
    case Stmt::Kind::kIf:
      return check_if(id);
    case Stmt::Kind::kWhile:
      check_condition(stmt(id).expr);
      ++loop_depth_;
      check_body(stmt(id).body);
      --loop_depth_;
      return;
    case Stmt::Kind::kFor:
      return check_for(id);
    case Stmt::Kind::kForEach:
      return check_foreach(id);
    case Stmt::Kind::kBlock:
      return check_body(id);
    case Stmt::Kind::kProfile: {
      Scope scope(*this);
      ++block_depth_;
      const std::vector<StmtId> inner = stmt(id).stmts;
      for (StmtId statement : inner) check_stmt(statement);
      --block_depth_;
      return;
    }
    case Stmt::Kind::kBreak:
    case Stmt::Kind::kContinue:
      if (loop_depth_ == 0) {
        error(DiagnosticKind::kNotAllowedHere, stmt(id).span,
              quoted(kind == Stmt::Kind::kBreak ? "break" : "continue") +
                  " stands outside of a loop");
      }
      return;
    case Stmt::Kind::kReturn:
      return check_return(stmt(id));
    case Stmt::Kind::kEmpty:
      return;
  }
}

// ---- assignments
// ------------------------------------------------------------------------------------------------

void Checker::check_assignment(StmtId id) {
  const Stmt statement = stmt(id);
  const Type target = check_value(statement.lhs);
  std::vector<Place> places;
  check_places(statement.lhs, places);
  check_lhs_reads(statement.lhs, places);
  const Type value = check_value(statement.expr);
  if (has_error(target) || has_error(value)) return;
  if (statement.op != Operator::kNone) return check_compound(statement, target, value);
  if (converts(value, target)) return;
  error(DiagnosticKind::kTypeMismatch, expr(statement.expr).span,
        "a value of type " + quoted(value) + " is assigned to a place of type " + quoted(target));
}

void Checker::check_compound(const Stmt& statement, const Type& target, const Type& value) {
  const bool elementwise =
      statement.op == Operator::kEltMultiply || statement.op == Operator::kEltDivide;
  std::optional<Type> result;
  if (!(elementwise && target.is_scalar())) result = binary_type(statement.op, target, value);
  if (!result) return report_operands(statement.op, statement.span, target, value);
  if (converts(*result, target)) return;
  error(DiagnosticKind::kTypeMismatch, statement.span,
        quoted(std::string(operator_text(statement.op)) + "=") + " gives a value of type " +
            quoted(*result) + ", which cannot be assigned to a place of type " + quoted(target));
}

bool Checker::Place::overlaps(const Place& other) const {
  if (variable != other.variable) return false;
  const size_t shared = std::min(path.size(), other.path.size());
  return std::equal(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(shared),
                    other.path.begin());
}

void Checker::check_places(ExprId lhs, std::vector<Place>& places) {
  const Expr& place = expr(lhs);
  if (place.kind == Expr::Kind::kTuple) {
    for (ExprId element : place.args) check_places(element, places);
    return;
  }
  Place found;
  ExprId root = lhs;
  bool multi_inside = false;
  while (expr(root).kind == Expr::Kind::kIndexed || expr(root).kind == Expr::Kind::kProjection) {
    const Expr& step = expr(root);
    root = step.args[0];
    if (step.kind == Expr::Kind::kProjection) {
      found.path.push_back(step.integer);
      continue;
    }
    found.path.clear();  // elements may coincide: the whole container counts
    if (root.valid() && expr(root).kind == Expr::Kind::kIndexed) {
      for (const syntax::IndexExpr& index : expr(root).indices) {
        multi_inside |= index.kind != syntax::IndexExpr::Kind::kSingle ||
                        (index.low.valid() && expr(index.low).type.is_array());
      }
    }
  }
  std::reverse(found.path.begin(), found.path.end());
  const Expr& base = expr(root);
  if (base.kind == Expr::Kind::kError ||
      (base.kind == Expr::Kind::kVariable && !base.variable.valid()))
    return;
  if (base.kind != Expr::Kind::kVariable) {
    error(DiagnosticKind::kNotAssignable, place.span,
          "the left side of an assignment is not a variable, or elements of one");
    return;
  }
  if (multi_inside) {
    error(DiagnosticKind::kNotAssignable, place.span,
          "an index follows one that selects several elements; that would assign to a copy")
        .with_hint("put all indices into one pair of brackets");
  }
  found.variable = base.variable;
  for (const Place& other : places) {
    if (!found.overlaps(other)) continue;
    error(DiagnosticKind::kNotAssignable, place.span,
          quoted(base.name) + " stands twice on the left side of one assignment");
    break;
  }
  places.push_back(std::move(found));
  check_assignable(base, program_.variables[base.variable]);
}

void Checker::check_lhs_reads(ExprId lhs, const std::vector<Place>& places) {
  std::vector<std::pair<ExprId, bool>> stack{
      {lhs, false}};  // true: below an index, where values are read
  while (!stack.empty()) {
    const auto [id, reading] = stack.back();
    stack.pop_back();
    const Expr& e = expr(id);
    for (const syntax::IndexExpr& index : e.indices) {
      if (index.low.valid()) stack.emplace_back(index.low, true);
      if (index.high.valid()) stack.emplace_back(index.high, true);
    }
    for (ExprId child : e.args) stack.emplace_back(child, reading);
    if (!reading || e.kind != Expr::Kind::kVariable) continue;
    const bool assigned = std::any_of(places.begin(), places.end(), [&](const Place& place) {
      return place.variable.valid() && place.variable == e.variable;
    });
    if (!assigned) continue;
    error(DiagnosticKind::kNotAssignable, e.span,
          quoted(e.name) + " is read and assigned to on the left side of one assignment");
    return;
  }
}

void Checker::check_assignable(const Expr& root, const Variable& variable) {
  std::string reason;
  switch (variable.role) {
    case Variable::Role::kLocal:
      return;
    case Variable::Role::kLoop:
      reason = "it is a loop variable";
      break;
    case Variable::Role::kArgument:
      reason = "it is an argument of the function";
      break;
    case Variable::Role::kGlobal:
      if (variable.block == block_) return;
      reason = "it belongs to " + block_text(variable.block);
      break;
  }
  error(DiagnosticKind::kNotAssignable, root.span,
        quoted(root.name) + " cannot be assigned to here: " + reason)
      .note(variable.span, "declared here");
}

// ---- densities
// --------------------------------------------------------------------------------------------------

void Checker::check_increment(const Stmt& statement) {
  const bool jacobian = statement.kind == Stmt::Kind::kJacobianPlus;
  const bool allowed =
      in_function() ? function_suffix_ == (jacobian ? Suffix::kJacobian : Suffix::kLp)
                    : block_ == (jacobian ? BlockKind::kTransformedParameters : BlockKind::kModel);
  if (!allowed) {
    error(DiagnosticKind::kNotAllowedHere, statement.span,
          jacobian
              ? "`jacobian +=` stands only in the transformed parameters block and in functions "
                "that end in "
                "`_jacobian`"
              : "`target +=` stands only in the model block and in functions that end in `_lp`");
  }
  const Type value = check_value(statement.expr);
  const bool numeric = value.base == BaseType::kInt || value.base == BaseType::kReal ||
                       value.base == BaseType::kVector || value.base == BaseType::kRowVector ||
                       value.base == BaseType::kMatrix;
  if (value.is_error() || numeric) return;
  error(DiagnosticKind::kTypeMismatch, expr(statement.expr).span,
        "a value of type " + quoted(value) + " is added to " +
            quoted(jacobian ? "jacobian" : "target") + "; expected real, or a container of real");
}

void Checker::check_tilde(StmtId id) {
  const Stmt statement = stmt(id);
  const bool allowed =
      in_function() ? function_suffix_ == Suffix::kLp : block_ == BlockKind::kModel;
  if (!allowed) {
    error(DiagnosticKind::kNotAllowedHere, statement.span,
          "a `~` statement stands only in the model block and in functions that end in `_lp`");
  }
  const bool laplace = is_laplace_function(statement.name + "_lpmf");
  check_value(statement.lhs);
  for (ExprId argument : statement.args) {
    if (laplace && names_function(argument)) {
      expr(argument).type = Type::scalar(BaseType::kFunction);
    } else {
      check_value(argument);
    }
  }
  if (laplace) prepare_laplace(statement.args);

  Call call;
  call.shown = statement.name;
  call.name_span = statement.name_span.valid() ? statement.name_span : statement.span;
  call.span = statement.span;
  call.tilde = true;
  call.args.push_back(statement.lhs);
  call.args.insert(call.args.end(), statement.args.begin(), statement.args.end());
  bool unresolved_argument = false;
  for (ExprId argument : call.args) unresolved_argument |= has_error(expr(argument).type);

  const std::vector<Argument> arguments = arguments_of(call.args);
  std::string existing;
  for (const char* suffix : {"_lpdf", "_lpmf"}) {
    const std::string name = statement.name + suffix;
    if (!is_function_name(name)) continue;
    if (existing.empty() || is_int_based(expr(statement.lhs).type)) existing = name;
    const std::optional<Resolution> found = resolve(name, arguments);
    if (!found || found->ambiguous) continue;
    stmt(id).target = found->target;
    stmt(id).function = found->function;
    if (statement.truncated && !unresolved_argument) check_truncation(statement);
    return;
  }
  call.name = existing;
  if (existing.empty()) return report_unknown_function(call);
  if (!unresolved_argument) report_mismatch(call);
}

void Checker::check_truncation(const Stmt& statement) {
  for (ExprId bound : {statement.low, statement.high}) {
    if (!bound.valid()) continue;
    const Type type = check_value(bound);
    if (type.is_error() || is_int_or_real(type)) continue;
    error(DiagnosticKind::kTypeMismatch, expr(bound).span,
          "a truncation bound has type " + quoted(type) + "; expected `real`");
  }
  const auto defined = [&](const char* suffix, ExprId bound) {
    std::vector<ExprId> args{bound};
    args.insert(args.end(), statement.args.begin(), statement.args.end());
    return resolve(statement.name + suffix, arguments_of(args)).has_value();
  };
  const auto has_tail = [&](const char* tail, ExprId bound) {
    return !bound.valid() || has_error(expr(bound).type) || defined(tail, bound) ||
           defined("_cdf", bound);
  };
  if (has_tail("_lccdf", statement.low) && has_tail("_lcdf", statement.high)) return;
  error(DiagnosticKind::kNotAllowedHere, statement.span,
        quoted(statement.name) + " is truncated, but has no `" + statement.name + "_lcdf` and `" +
            statement.name + "_lccdf` for these bounds and arguments");
}

// ---- calls, messages
// --------------------------------------------------------------------------------------------

void Checker::check_call_statement(StmtId id) {
  const ExprId call = stmt(id).expr;
  if (!call.valid()) return;
  type_tree(call);
  const Expr& checked = expr(call);
  if (checked.type.is_error() || checked.type.base == BaseType::kVoid) return;
  if (checked.kind != Expr::Kind::kCall) {
    error(DiagnosticKind::kSyntax, stmt(id).span,
          "an expression stands where a statement is expected");
    return;
  }
  error(DiagnosticKind::kTypeMismatch, checked.span,
        quoted(checked.name) + " returns " + quoted(checked.type) +
            "; only a function that returns nothing is called as a statement");
}

void Checker::check_message(const Stmt& statement) {
  const std::vector<ExprId> args = statement.args;
  for (ExprId argument : args) {
    if (expr(argument).kind != Expr::Kind::kStringLiteral) check_value(argument);
  }
}

// ---- control flow
// -----------------------------------------------------------------------------------------------

void Checker::check_condition(ExprId condition) {
  const Type type = check_value(condition);
  if (type.is_error() || is_int_or_real(type)) return;
  error(DiagnosticKind::kTypeMismatch, expr(condition).span,
        "a condition has type " + quoted(type) + "; expected `int` or `real`");
}

void Checker::check_if(StmtId id) {
  // A loop over `else if`: chains may be long.
  while (true) {
    check_condition(stmt(id).expr);
    check_body(stmt(id).body);
    const StmtId other = stmt(id).else_body;
    if (!other.valid()) return;
    if (stmt(other).kind != Stmt::Kind::kIf) return check_body(other);
    id = other;
  }
}

void Checker::check_for(StmtId id) {
  const Stmt statement = stmt(id);
  check_int(statement.low, "a loop bound");
  check_int(statement.high, "a loop bound");
  Scope scope(*this);
  Variable variable;
  variable.name = statement.name;
  variable.type = Type::scalar(BaseType::kInt);
  variable.role = Variable::Role::kLoop;
  variable.block = block_;
  variable.is_data = expr(statement.low).is_data && expr(statement.high).is_data;
  variable.span = statement.name_span.valid() ? statement.name_span : statement.span;
  const VariableId declared = declare(std::move(variable));
  stmt(id).variable = declared;
  ++loop_depth_;
  check_body(statement.body);
  --loop_depth_;
}

void Checker::check_foreach(StmtId id) {
  const Stmt statement = stmt(id);
  const Type container = check_value(statement.expr);
  std::optional<Type> element = loop_element(container);
  if (!element && !container.is_error()) {
    error(DiagnosticKind::kTypeMismatch, expr(statement.expr).span,
          "a loop runs over a value of type " + quoted(container) +
              "; expected an array, vector, row_vector or matrix");
  }
  Scope scope(*this);
  Variable variable;
  variable.name = statement.name;
  variable.type = element.value_or(Type{});
  variable.role = Variable::Role::kLoop;
  variable.block = block_;
  variable.is_data = expr(statement.expr).is_data;
  variable.span = statement.name_span.valid() ? statement.name_span : statement.span;
  const VariableId declared = declare(std::move(variable));
  stmt(id).variable = declared;
  ++loop_depth_;
  check_body(statement.body);
  --loop_depth_;
}

void Checker::check_return(const Stmt& statement) {
  if (!in_function()) {
    if (statement.expr.valid()) check_value(statement.expr);
    error(DiagnosticKind::kNotAllowedHere, statement.span, "`return` stands outside of a function");
    return;
  }
  const syntax::Function& function = *function_;
  const bool returns_nothing = function.return_type.base == BaseType::kVoid;
  if (!statement.expr.valid()) {
    if (!returns_nothing) {
      error(DiagnosticKind::kTypeMismatch, statement.span,
            quoted(function.name) + " returns " + quoted(function.return_type) +
                "; this `return` has no value");
    }
    return;
  }
  const Type type = check_value(statement.expr);
  if (returns_nothing) {
    error(DiagnosticKind::kTypeMismatch, expr(statement.expr).span,
          quoted(function.name) + " is `void`; its `return` takes no value");
  } else if (!converts(type, function.return_type)) {
    error(DiagnosticKind::kTypeMismatch, expr(statement.expr).span,
          quoted(function.name) + " returns " + quoted(function.return_type) +
              "; this value has type " + quoted(type));
  }
}

}  // namespace vinci::check
