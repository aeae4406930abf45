#include "syntax/spelling.h"

namespace vinci::syntax {

namespace {

struct OperatorRow {
  std::string_view text;
  int precedence;
};

OperatorRow row(Operator op) {
  switch (op) {
    case Operator::kNone:
      return {"", 0};
    case Operator::kOr:
      return {"||", 1};
    case Operator::kAnd:
      return {"&&", 2};
    case Operator::kEqual:
      return {"==", 3};
    case Operator::kNotEqual:
      return {"!=", 3};
    case Operator::kLess:
      return {"<", 4};
    case Operator::kLessEqual:
      return {"<=", 4};
    case Operator::kGreater:
      return {">", 4};
    case Operator::kGreaterEqual:
      return {">=", 4};
    case Operator::kAdd:
      return {"+", 5};
    case Operator::kSubtract:
      return {"-", 5};
    case Operator::kMultiply:
      return {"*", 6};
    case Operator::kDivide:
      return {"/", 6};
    case Operator::kModulo:
      return {"%", 6};
    case Operator::kEltMultiply:
      return {".*", 6};
    case Operator::kEltDivide:
      return {"./", 6};
    case Operator::kLeftDivide:
      return {"\\", 7};
    case Operator::kIntDivide:
      return {"%/%", 7};
    case Operator::kPower:
      return {"^", 8};
    case Operator::kEltPower:
      return {".^", 8};
    case Operator::kNot:
      return {"!", 0};
    case Operator::kNegate:
      return {"-", 0};
    case Operator::kPlus:
      return {"+", 0};
    case Operator::kTranspose:
      return {"'", 0};
  }
  return {"", 0};
}

}  // namespace

std::string_view spelling(Operator op) { return row(op).text; }
int precedence(Operator op) { return row(op).precedence; }

std::string_view base_keyword(BaseType base) {
  switch (base) {
    case BaseType::kVoid:
      return "void";
    case BaseType::kInt:
      return "int";
    case BaseType::kReal:
      return "real";
    case BaseType::kComplex:
      return "complex";
    case BaseType::kVector:
      return "vector";
    case BaseType::kRowVector:
      return "row_vector";
    case BaseType::kMatrix:
      return "matrix";
    case BaseType::kComplexVector:
      return "complex_vector";
    case BaseType::kComplexRowVector:
      return "complex_row_vector";
    case BaseType::kComplexMatrix:
      return "complex_matrix";
    case BaseType::kTuple:
      return "tuple";
    case BaseType::kFunction:
      return "function";
    case BaseType::kError:
      return "unknown";
  }
  return "unknown";
}

std::string_view type_keyword(BaseType base, ConstraintKind constraint) {
  const bool is_vector = base == BaseType::kVector;
  switch (constraint) {
    case ConstraintKind::kOrdered:
      return "ordered";
    case ConstraintKind::kPositiveOrdered:
      return "positive_ordered";
    case ConstraintKind::kSimplex:
      return "simplex";
    case ConstraintKind::kUnitVector:
      return "unit_vector";
    case ConstraintKind::kSumToZero:
      return is_vector ? "sum_to_zero_vector" : "sum_to_zero_matrix";
    case ConstraintKind::kCholeskyFactorCorr:
      return "cholesky_factor_corr";
    case ConstraintKind::kCholeskyFactorCov:
      return "cholesky_factor_cov";
    case ConstraintKind::kCorrMatrix:
      return "corr_matrix";
    case ConstraintKind::kCovMatrix:
      return "cov_matrix";
    case ConstraintKind::kColumnStochastic:
      return "column_stochastic_matrix";
    case ConstraintKind::kRowStochastic:
      return "row_stochastic_matrix";
    default:
      break;
  }
  return base_keyword(base);
}

BoundWords bound_words(ConstraintKind constraint) {
  switch (constraint) {
    case ConstraintKind::kLower:
    case ConstraintKind::kUpper:
    case ConstraintKind::kLowerUpper:
      return {"lower", "upper"};
    case ConstraintKind::kOffset:
    case ConstraintKind::kMultiplier:
    case ConstraintKind::kOffsetMultiplier:
      return {"offset", "multiplier"};
    default:
      return {};
  }
}

}  // namespace vinci::syntax
