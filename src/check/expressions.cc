// Expressions: bottom up and without recursion, so that no depth of nesting exhausts the stack.
#include <utility>

#include "check/checker.h"
#include "check/type_rules.h"
#include "source/suggest.h"

namespace vinci::check {

using syntax::BaseType;
using syntax::IndexExpr;

namespace {

constexpr int kMaxTypeDimensions = 32;

/// The library functions that give an operator its meaning, in the order they are tried.
std::span<const std::string_view> operator_functions(Operator op) {
  static constexpr std::string_view kNames[][2] = {
      {"add", ""},          {"subtract", ""},
      {"multiply", ""},     {"mdivide_right", "divide"},
      {"modulus", ""},      {"mdivide_left", ""},
      {"elt_multiply", ""}, {"elt_divide", ""},
      {"pow", ""},          {"logical_or", ""},
      {"logical_and", ""},  {"logical_eq", ""},
      {"logical_neq", ""},  {"logical_lt", ""},
      {"logical_lte", ""},  {"logical_gt", ""},
      {"logical_gte", ""},  {"logical_negation", ""},
      {"minus", ""},        {"plus", ""},
      {"transpose", ""},
  };
  const auto row = [](int i) {
    return std::span<const std::string_view>(kNames[i], kNames[i][1].empty() ? 1 : 2);
  };
  switch (op) {
    case Operator::kAdd:
      return row(0);
    case Operator::kSubtract:
      return row(1);
    case Operator::kMultiply:
      return row(2);
    case Operator::kDivide:
      return row(3);
    case Operator::kIntDivide:
    case Operator::kModulo:
      return row(4);
    case Operator::kLeftDivide:
      return row(5);
    case Operator::kEltMultiply:
      return row(6);
    case Operator::kEltDivide:
      return row(7);
    case Operator::kPower:
    case Operator::kEltPower:
      return row(8);
    case Operator::kOr:
      return row(9);
    case Operator::kAnd:
      return row(10);
    case Operator::kEqual:
      return row(11);
    case Operator::kNotEqual:
      return row(12);
    case Operator::kLess:
      return row(13);
    case Operator::kLessEqual:
      return row(14);
    case Operator::kGreater:
      return row(15);
    case Operator::kGreaterEqual:
      return row(16);
    case Operator::kNot:
      return row(17);
    case Operator::kNegate:
      return row(18);
    case Operator::kPlus:
      return row(19);
    case Operator::kTranspose:
      return row(20);
    case Operator::kNone:
      break;
  }
  return {};
}

/// Most operators of a program stand between scalars: their types without a search of the table.
std::optional<Type> scalar_type(Operator op, const Type& left, const Type& right) {
  const Type integer = Type::scalar(BaseType::kInt);
  const Type real = Type::scalar(BaseType::kReal);
  const bool both_int = is_int(left) && is_int(right);
  switch (op) {
    case Operator::kAdd:
    case Operator::kSubtract:
    case Operator::kMultiply:
    case Operator::kDivide:
    case Operator::kEltMultiply:
    case Operator::kEltDivide:
      return both_int ? integer : real;
    case Operator::kPower:
    case Operator::kEltPower:
      return real;
    case Operator::kEqual:
    case Operator::kNotEqual:
    case Operator::kLess:
    case Operator::kLessEqual:
    case Operator::kGreater:
    case Operator::kGreaterEqual:
      return integer;
    case Operator::kIntDivide:
    case Operator::kModulo:
    case Operator::kOr:
    case Operator::kAnd:
      return both_int ? std::optional<Type>(integer) : std::nullopt;
    default:
      return std::nullopt;
  }
}

bool is_vector_like(const Type& type) {
  return type.array_depth == 0 &&
         (type.base == BaseType::kVector || type.base == BaseType::kRowVector);
}

}  // namespace

std::string_view operator_text(Operator op) {
  switch (op) {
    case Operator::kNone:
      return "";
    case Operator::kAdd:
    case Operator::kPlus:
      return "+";
    case Operator::kSubtract:
    case Operator::kNegate:
      return "-";
    case Operator::kMultiply:
      return "*";
    case Operator::kDivide:
      return "/";
    case Operator::kIntDivide:
      return "%/%";
    case Operator::kModulo:
      return "%";
    case Operator::kLeftDivide:
      return "\\";
    case Operator::kEltMultiply:
      return ".*";
    case Operator::kEltDivide:
      return "./";
    case Operator::kPower:
      return "^";
    case Operator::kEltPower:
      return ".^";
    case Operator::kOr:
      return "||";
    case Operator::kAnd:
      return "&&";
    case Operator::kEqual:
      return "==";
    case Operator::kNotEqual:
      return "!=";
    case Operator::kLess:
      return "<";
    case Operator::kLessEqual:
      return "<=";
    case Operator::kGreater:
      return ">";
    case Operator::kGreaterEqual:
      return ">=";
    case Operator::kNot:
      return "!";
    case Operator::kTranspose:
      return "'";
  }
  return "";
}

// ---- walking
// ----------------------------------------------------------------------------------------------------

bool Checker::names_function(ExprId id) const {
  const Expr& e = expr(id);
  return e.kind == Expr::Kind::kVariable && find_variable(e.name) == nullptr &&
         is_function_name(e.name);
}

void Checker::push_children(ExprId id, std::vector<std::pair<ExprId, bool>>& stack) {
  const Expr& e = expr(id);
  const bool call = e.kind == Expr::Kind::kCall;
  // Pushed in reverse, so that faults are reported from left to right.
  for (auto index = e.indices.rbegin(); index != e.indices.rend(); ++index) {
    if (index->high.valid()) stack.emplace_back(index->high, false);
    if (index->low.valid()) stack.emplace_back(index->low, false);
  }
  for (auto arg = e.args.rbegin(); arg != e.args.rend(); ++arg) {
    if (call && names_function(*arg)) {
      expr(*arg).type = Type::scalar(BaseType::kFunction);
    } else {
      stack.emplace_back(*arg, false);
    }
  }
}

void Checker::type_tree(ExprId root) {
  std::vector<std::pair<ExprId, bool>> stack;
  stack.emplace_back(root, false);
  while (!stack.empty()) {
    const auto [id, children_done] = stack.back();
    if (children_done) {
      stack.pop_back();
      infer(id);
      continue;
    }
    stack.back().second = true;
    push_children(id, stack);
  }
}

Type Checker::check_value(ExprId id) {
  if (!id.valid()) return {};
  type_tree(id);
  require_value(id);
  return expr(id).type;
}

void Checker::check_int(ExprId id, const std::string& what) {
  const Type type = check_value(id);
  if (type.is_error() || is_int(type)) return;
  error(DiagnosticKind::kTypeMismatch, expr(id).span,
        what + " has type " + quoted(type) + "; expected `int`");
}

void Checker::require_value(ExprId id) {
  Expr& e = expr(id);
  if (e.type.base == BaseType::kFunction) {
    error(DiagnosticKind::kTypeMismatch, e.span,
          quoted(e.name) + " is a function; a value is expected here");
  } else if (e.type.base == BaseType::kVoid) {
    error(DiagnosticKind::kTypeMismatch, e.span,
          quoted(e.name) + " returns nothing; a value is expected here");
  } else {
    return;
  }
  e.type = {};
}

void Checker::infer(ExprId id) {
  Expr& e = expr(id);
  if (e.kind != Expr::Kind::kCall) {  // calls look at their arguments themselves
    for (ExprId child : e.args) require_value(child);
  }
  for (const IndexExpr& index : e.indices) {
    if (index.low.valid()) require_value(index.low);
    if (index.high.valid()) require_value(index.high);
  }
  e.is_data = true;
  for (ExprId child : e.args)
    e.is_data &= expr(child).is_data || expr(child).type.base == BaseType::kFunction;
  for (const IndexExpr& index : e.indices) {
    if (index.low.valid()) e.is_data &= expr(index.low).is_data;
    if (index.high.valid()) e.is_data &= expr(index.high).is_data;
  }
  switch (e.kind) {
    case Expr::Kind::kIntLiteral:
      e.type = Type::scalar(BaseType::kInt);
      return;
    case Expr::Kind::kRealLiteral:
      e.type = Type::scalar(BaseType::kReal);
      return;
    case Expr::Kind::kImaginaryLiteral:
      e.type = Type::scalar(BaseType::kComplex);
      return;
    case Expr::Kind::kStringLiteral:
      error(DiagnosticKind::kNotAllowedHere, e.span,
            "text stands only in `print`, `reject`, `fatal_error` and `profile`");
      return;
    case Expr::Kind::kVariable:
      return infer_variable(e);
    case Expr::Kind::kUnary:
    case Expr::Kind::kPostfix:
      return infer_unary(e);
    case Expr::Kind::kBinary:
      return infer_binary(e);
    case Expr::Kind::kTernary:
      return infer_ternary(e);
    case Expr::Kind::kIndexed:
      return infer_indexed(e);
    case Expr::Kind::kCall:
      return infer_call(id);
    case Expr::Kind::kArrayLiteral:
      return infer_array(e);
    case Expr::Kind::kRowVectorLiteral:
      return infer_row_vector(e);
    case Expr::Kind::kTuple:
      return infer_tuple(e);
    case Expr::Kind::kProjection:
      return infer_projection(e);
    case Expr::Kind::kParenthesised:
      e.type = expr(e.args[0]).type;
      return;
    case Expr::Kind::kTarget:
      return infer_target(e);
    case Expr::Kind::kError:
      e.type = {};
      return;
  }
}

// ---- one kind after the other
// -----------------------------------------------------------------------------------

void Checker::infer_variable(Expr& e) {
  const auto it = visible_.find(e.name);
  if (it != visible_.end()) {
    const Variable& variable = program_.variables[it->second];
    e.variable = it->second;
    e.type = variable.type;
    e.is_data = variable.is_data;
    return;
  }
  e.type = {};
  e.is_data = false;
  if (e.name == declaring_) {
    error(DiagnosticKind::kUnknownIdentifier, e.span,
          quoted(e.name) + " is used in its own definition");
    return;
  }
  if (is_function_name(e.name)) {
    error(DiagnosticKind::kTypeMismatch, e.span,
          quoted(e.name) + " is a function; a value is expected here")
        .with_hint("call it: `" + e.name + "(...)`");
    return;
  }
  if (may_be_unparsed(e.name)) return;
  if (!unknown_.insert(e.name).second) return;  // once per name is enough
  source::NearestName nearest(e.name);
  for (const auto& [name, variable] : visible_) nearest.consider(name);
  source::Diagnostic& diagnostic =
      error(DiagnosticKind::kUnknownIdentifier, e.span, quoted(e.name) + " is not declared");
  if (!nearest.best().empty()) diagnostic.with_hint("did you mean " + quoted(nearest.best()) + "?");
}

std::optional<Type> Checker::binary_type(Operator op, const Type& left, const Type& right) const {
  if (is_int_or_real(left) && is_int_or_real(right)) return scalar_type(op, left, right);
  const Argument arguments[] = {{left, true}, {right, true}};
  for (std::string_view name : operator_functions(op)) {
    const Match match = match_library(name, arguments);
    if (match.status == Match::Status::kFound) return match.return_type;
  }
  return std::nullopt;
}

void Checker::report_operands(Operator op, Span span, const Type& left, const Type& right) {
  source::Diagnostic& diagnostic = error(
      DiagnosticKind::kOperandType, span,
      quoted(operator_text(op)) + " is not defined for " + quoted(left) + " and " + quoted(right));
  if (is_vector_like(left) && left == right && op == Operator::kMultiply) {
    diagnostic.with_hint("use `.*` for the product of elements, or transpose one side with `'`");
  } else if (is_vector_like(left) && left == right && op == Operator::kDivide) {
    diagnostic.with_hint("use `./` for the quotient of elements");
  } else if (is_vector_like(left) && is_vector_like(right)) {
    diagnostic.with_hint("transpose one side with `'`");
  } else if ((left.is_array() || right.is_array()) &&
             (left.base == BaseType::kReal || left.base == BaseType::kInt) &&
             (right.base == BaseType::kReal || right.base == BaseType::kInt ||
              right.base == BaseType::kVector)) {
    diagnostic.with_hint("arithmetic is for vectors; convert arrays with `to_vector`");
  } else if (is_int_or_real(left) && is_int_or_real(right)) {
    diagnostic.with_hint("both sides must be `int`");
  }
}

void Checker::infer_unary(Expr& e) {
  const Expr& operand = expr(e.args[0]);
  const Type type = operand.type;
  e.type = {};
  if (has_error(type)) return;
  const bool sign = e.op == Operator::kNegate || e.op == Operator::kPlus;
  if ((is_int(type) && e.op != Operator::kTranspose) || (sign && is_int_or_real(type))) {
    e.type = type;
    return;
  }
  const Argument argument[] = {{type, true}};
  for (std::string_view name : operator_functions(e.op)) {
    const Match match = match_library(name, argument);
    if (match.status != Match::Status::kFound) continue;
    e.type = match.return_type;
    return;
  }
  error(DiagnosticKind::kOperandType, e.span,
        quoted(operator_text(e.op)) + " is not defined for " + quoted(type));
}

void Checker::infer_binary(Expr& e) {
  const Expr& left = expr(e.args[0]);
  const Expr& right = expr(e.args[1]);
  e.type = {};
  if (has_error(left.type) || has_error(right.type)) return;
  std::optional<Type> type = binary_type(e.op, left.type, right.type);
  if (!type) return report_operands(e.op, e.span, left.type, right.type);
  e.type = std::move(*type);
  if (e.op == Operator::kDivide && left.kind == Expr::Kind::kIntLiteral &&
      right.kind == Expr::Kind::kIntLiteral && right.integer != 0 &&
      left.integer % right.integer != 0) {
    const std::string numerator = std::to_string(left.integer);
    const std::string denominator = std::to_string(right.integer);
    sink_
        .warning(DiagnosticKind::kIntegerDivision, e.span,
                 "`" + numerator + " / " + denominator + "` divides integers and gives " +
                     std::to_string(left.integer / right.integer))
        .with_hint("write `" + numerator + ".0 / " + denominator + "` for a real quotient");
  }
}

void Checker::infer_ternary(Expr& e) {
  const Type condition = expr(e.args[0]).type;
  const Type yes = expr(e.args[1]).type;
  const Type no = expr(e.args[2]).type;
  if (!condition.is_error() && !is_int_or_real(condition)) {
    error(DiagnosticKind::kTypeMismatch, expr(e.args[0]).span,
          "a condition has type " + quoted(condition) + "; expected `int` or `real`");
  }
  std::optional<Type> type = common_type(yes, no);
  if (!type) {
    error(DiagnosticKind::kTypeMismatch, e.span,
          "the two values have types " + quoted(yes) + " and " + quoted(no) +
              "; expected the same type");
  }
  e.type = type.value_or(Type{});
}

void Checker::infer_indexed(Expr& e) {
  const Type base = expr(e.args[0]).type;
  bool good = !base.is_error();
  IndexedType indexed(base);
  size_t applied = 0;
  for (const IndexExpr& index : e.indices) {
    bool multi = index.kind != IndexExpr::Kind::kSingle;
    for (ExprId part : {index.low, index.high}) {
      if (!part.valid()) continue;
      const Type type = expr(part).type;
      if (type.is_error()) {
        good = false;
      } else if (!multi && type == Type::array(BaseType::kInt, 1)) {
        multi = true;
      } else if (!is_int(type)) {
        good = false;
        error(DiagnosticKind::kIndexType, expr(part).span,
              std::string(multi ? "a bound of an index range" : "an index") + " has type " +
                  quoted(type) + "; expected `int`" + (multi ? "" : " or `array[] int`"));
      }
    }
    if (base.is_error()) continue;
    if (indexed.apply(multi)) ++applied;
  }
  if (!base.is_error() && applied < e.indices.size()) {
    good = false;
    const int most = IndexedType::num_dimensions(base);
    error(DiagnosticKind::kIndexType, e.span,
          std::to_string(e.indices.size()) + (e.indices.size() == 1 ? " index" : " indices") +
              " for a value of type " + quoted(base) + ", which takes " +
              (most == 0 ? "none" : "at most " + std::to_string(most)));
  }
  e.type = good ? indexed.result() : Type{};
}

void Checker::infer_array(Expr& e) {
  e.type = {};
  if (e.args.empty()) {
    error(DiagnosticKind::kTypeMismatch, e.span,
          "`{}` has no elements; an array expression needs one at least")
        .with_hint("declare an array of size 0 instead");
    return;
  }
  Type common = expr(e.args[0]).type;
  bool error_element = has_error(common);
  for (size_t i = 1; i < e.args.size(); ++i) {
    const Type type = expr(e.args[i]).type;
    error_element |= has_error(type);
    if (error_element) continue;
    std::optional<Type> next = common_type(common, type);
    if (!next) {
      error(DiagnosticKind::kTypeMismatch, expr(e.args[i]).span,
            "element " + std::to_string(i + 1) + " of an array has type " + quoted(type) +
                "; those before it have type " + quoted(common));
      return;
    }
    common = std::move(*next);
  }
  if (error_element) return;
  if (common.array_depth >= kMaxTypeDimensions) {
    error(DiagnosticKind::kTypeMismatch, e.span,
          "an array of more than " + std::to_string(kMaxTypeDimensions) + " dimensions");
    return;
  }
  ++common.array_depth;
  e.type = std::move(common);
}

void Checker::infer_row_vector(Expr& e) {
  e.type = {};
  bool scalars = true;
  bool rows = !e.args.empty();
  bool complex = false;
  for (ExprId id : e.args) {
    const Type& type = expr(id).type;
    if (has_error(type)) return;
    scalars &= type.is_scalar();
    rows &= type.array_depth == 0 &&
            (type.base == BaseType::kRowVector || type.base == BaseType::kComplexRowVector);
    complex |= type.base == BaseType::kComplex || type.base == BaseType::kComplexRowVector;
    if (scalars || rows) continue;
    error(DiagnosticKind::kTypeMismatch, expr(id).span,
          "an element of `[...]` has type " + quoted(type) +
              "; expected all scalars (a row vector) or all row vectors (a matrix)");
    return;
  }
  if (rows) {
    e.type = Type::scalar(complex ? BaseType::kComplexMatrix : BaseType::kMatrix);
  } else {
    e.type = Type::scalar(complex ? BaseType::kComplexRowVector : BaseType::kRowVector);
  }
}

void Checker::infer_tuple(Expr& e) {
  e.type = Type::scalar(BaseType::kTuple);
  for (ExprId id : e.args) e.type.elements.push_back(expr(id).type);
}

void Checker::infer_projection(Expr& e) {
  const Type tuple = expr(e.args[0]).type;
  e.type = {};
  if (tuple.is_error()) return;
  if (tuple.base != BaseType::kTuple || tuple.array_depth > 0) {
    error(DiagnosticKind::kOperandType, e.span,
          "`." + std::to_string(e.integer) + "` is applied to a value of type " + quoted(tuple) +
              "; expected a tuple");
    return;
  }
  const auto size = static_cast<int64_t>(tuple.elements.size());
  if (e.integer < 1 || e.integer > size) {
    error(DiagnosticKind::kIndexType, e.span,
          "`." + std::to_string(e.integer) + "` is applied to a tuple of " + std::to_string(size) +
              " elements, which are numbered from 1");
    return;
  }
  e.type = tuple.elements[static_cast<size_t>(e.integer - 1)];
}

void Checker::infer_target(Expr& e) {
  e.type = Type::scalar(BaseType::kReal);
  e.is_data = false;
  const bool allowed =
      in_function() ? function_suffix_ == Suffix::kLp
                    : block_ == BlockKind::kModel || block_ == BlockKind::kTransformedParameters;
  if (allowed) return;
  error(DiagnosticKind::kNotAllowedHere, e.span,
        "`target()` stands only in the model block and in functions that end in `_lp`");
}

}  // namespace vinci::check
