// Declarations: sizes, constraints, and what each block may declare.
#include <utility>

#include "check/checker.h"
#include "check/type_rules.h"

namespace vinci::check {

using syntax::BaseType;
using syntax::ConstraintKind;
using syntax::SizedType;

void Checker::check_declaration(StmtId id) {
  const SizedType type = stmt(id).decl_type;
  const std::string name = stmt(id).name;
  const ExprId value = stmt(id).expr;
  const bool global = block_depth_ == 0 && !in_function();
  if (!stmt(id).continues_declaration) check_sized_type(type, name, global);
  check_declaration_place(stmt(id));
  const Type unsized_type = type.unsized();
  if (value.valid()) {
    declaring_ = name;
    const Type value_type = check_value(value);
    declaring_.clear();
    if (!converts(value_type, unsized_type)) {
      error(DiagnosticKind::kTypeMismatch, expr(value).span,
            quoted(name) + " has type " + quoted(unsized_type) + "; its value has type " +
                quoted(value_type));
    }
  }
  Variable variable;
  variable.name = name;
  variable.type = unsized_type;
  variable.role = global ? Variable::Role::kGlobal : Variable::Role::kLocal;
  variable.block = block_;
  variable.is_data =
      !in_function() && (block_ == BlockKind::kData || block_ == BlockKind::kTransformedData);
  variable.span = stmt(id).name_span.valid() ? stmt(id).name_span : stmt(id).span;
  variable.declaration = id;
  const VariableId declared = declare(std::move(variable));
  stmt(id).variable = declared;
  stmt(id).is_global = global;
}

void Checker::check_declaration_place(const Stmt& statement) {
  const SizedType& type = statement.decl_type;
  const bool discrete = holds_int(type.unsized());
  const bool declares_only = block_ == BlockKind::kData || block_ == BlockKind::kParameters;
  if (declares_only && statement.expr.valid()) {
    error(DiagnosticKind::kNotAllowedHere, expr(statement.expr).span,
          quoted(statement.name) + " has a value; " + block_text(block_) + " only declares");
  }
  if (!discrete || block_depth_ > 0 || in_function()) return;
  if (block_ == BlockKind::kTransformedParameters) {
    error(DiagnosticKind::kNotAllowedHere, statement.span,
          quoted(statement.name) + " has type " + quoted(type.unsized()) +
              "; transformed parameters are real")
        .with_hint("declare it in the model or the transformed data block");
  }
  if (block_ == BlockKind::kParameters) check_discrete_parameter(type, statement);
}

/// A bounded int, alone, in arrays and in tuples, is a discrete latent variable: an extension of
/// the language.
void Checker::check_discrete_parameter(const SizedType& type, const Stmt& statement) {
  for (const SizedType& element : type.elements) {
    if (holds_int(element.unsized())) check_discrete_parameter(element, statement);
  }
  if (type.base != BaseType::kInt) return;
  const syntax::Constraint& constraint = type.constraint;
  if (constraint.kind != ConstraintKind::kLowerUpper) {
    const std::string what = constraint.kind == ConstraintKind::kLower   ? " without an upper bound"
                             : constraint.kind == ConstraintKind::kUpper ? " without a lower bound"
                                                                         : " without bounds";
    error(DiagnosticKind::kNotAllowedHere, statement.span,
          quoted(statement.name) + " is an int parameter" + what +
              "; a discrete parameter has a finite set of values")
        .with_hint(
            "write `int<lower=..., upper=...>`; an upper bound that hardly any mass exceeds "
            "will do");
    return;
  }
  for (const ExprId bound : {constraint.low, constraint.high}) {
    if (expr(bound).is_data || expr(bound).type.is_error()) continue;
    error(DiagnosticKind::kDataOnly, expr(bound).span,
          "a bound of the discrete parameter " + quoted(statement.name) +
              " is not data; it depends on data and transformed data only");
  }
  sink_.add({source::Severity::kNote,
             DiagnosticKind::kLanguageExtension,
             statement.span,
             quoted(statement.name) +
                 " is a discrete parameter: an extension of the language, which Stan does not have",
             {},
             {}});
}

void Checker::check_sized_type(const SizedType& type, const std::string& name, bool global) {
  for (ExprId size : type.array_dims) check_size(size, name, global);
  for (ExprId size : type.dims) check_size(size, name, global);
  for (const SizedType& element : type.elements) check_sized_type(element, name, global);
  check_constraint(type, name, global);
}

void Checker::check_size(ExprId size, const std::string& name, bool global) {
  if (!size.valid()) return;
  check_int(size, "a size of " + quoted(name));
  const Expr& checked = expr(size);
  if (global && !checked.is_data && !checked.type.is_error()) {
    error(DiagnosticKind::kDataOnly, checked.span,
          "a size of " + quoted(name) +
              " is not data; sizes of block variables depend on data and " +
              "transformed data only");
  }
}

void Checker::check_constraint(const SizedType& type, const std::string& name, bool global) {
  const syntax::Constraint& constraint = type.constraint;
  const bool scaled = constraint.kind == ConstraintKind::kOffset ||
                      constraint.kind == ConstraintKind::kMultiplier ||
                      constraint.kind == ConstraintKind::kOffsetMultiplier;
  check_bound(constraint.low, type, scaled ? "offset" : "lower bound");
  check_bound(constraint.high, type, scaled ? "multiplier" : "upper bound");
  if (constraint.kind == ConstraintKind::kNone) return;
  if (!global) {
    error(DiagnosticKind::kNotAllowedHere, type.span,
          quoted(name) + " is local and has a constraint; only block variables have constraints");
    return;
  }
  const bool complex = type.base == BaseType::kComplex || type.base == BaseType::kComplexVector ||
                       type.base == BaseType::kComplexRowVector ||
                       type.base == BaseType::kComplexMatrix;
  if (complex) {
    error(DiagnosticKind::kTypeMismatch, type.span,
          quoted(name) + " is complex and has a constraint; complex variables have none");
  }
  if (scaled && type.base == BaseType::kInt) {
    error(DiagnosticKind::kTypeMismatch, type.span,
          quoted(name) + " is an int with an offset or multiplier; those are for real variables");
  }
}

void Checker::check_bound(ExprId bound, const SizedType& type, const char* what) {
  if (!bound.valid()) return;
  const Type found = check_value(bound);
  const Type whole = type.unsized();
  const Type element = Type::scalar(type.base);
  const Type scalar = Type::scalar(type.base == BaseType::kInt ? BaseType::kInt : BaseType::kReal);
  if (converts(found, scalar) || converts(found, element) || converts(found, whole)) return;
  const std::string alternative = whole == scalar ? "" : " or " + quoted(whole);
  error(DiagnosticKind::kTypeMismatch, expr(bound).span,
        std::string("the ") + what + " has type " + quoted(found) + "; expected " + quoted(scalar) +
            alternative);
}

}  // namespace vinci::check
