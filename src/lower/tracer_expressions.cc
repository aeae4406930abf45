// Tracer: expressions. Scalars of type int and real take a path without Values: `scalar`.
#include <cmath>
#include <limits>

#include "lower/tracer.h"

namespace vinci::lower {

using graph::Op;
using source::DiagnosticKind;
using syntax::Expr;
using syntax::ExprId;
using syntax::IndexExpr;
using syntax::Operator;

namespace {

bool is_number(const Type& type) {
  return type.array_depth == 0 && (type.base == BaseType::kInt || type.base == BaseType::kReal);
}

/// Library functions of one real that are one operation of the graph.
struct UnaryName {
  const char* name;
  Op op;
};
constexpr UnaryName kUnaryNames[] = {
    {"exp", Op::kExp},
    {"log", Op::kLog},
    {"log1p", Op::kLog1p},
    {"expm1", Op::kExpm1},
    {"sqrt", Op::kSqrt},
    {"square", Op::kSquare},
    {"inv", Op::kInv},
    {"sin", Op::kSin},
    {"cos", Op::kCos},
    {"tan", Op::kTan},
    {"tanh", Op::kTanh},
    {"inv_logit", Op::kInvLogit},
    {"log1p_exp", Op::kLog1pExp},
    {"lgamma", Op::kLgamma},
    {"digamma", Op::kDigamma},
};

}  // namespace

void Tracer::resolve(ExprId id, ExprInfo& i) {
  const Expr& e = expr(id);
  i.kind = Kind::kGeneral;
  const bool number = is_number(e.type);
  switch (e.kind) {
    case Expr::Kind::kVariable:
      i.locatable = e.variable.valid();
      if (i.locatable && number) i.kind = Kind::kScalarVariable;
      break;
    case Expr::Kind::kParenthesised:
    case Expr::Kind::kProjection:
    case Expr::Kind::kIndexed:
      i.locatable = is_locatable(id);
      if (i.locatable && e.kind != Expr::Kind::kParenthesised) i.kind = Kind::kLocatable;
      break;
    case Expr::Kind::kUnary:
    case Expr::Kind::kBinary: {
      bool all_numbers = number;
      i.is_int = true;
      for (ExprId a : e.args) {
        all_numbers = all_numbers && is_number(expr(a).type);
        i.is_int = i.is_int && expr(a).type == Type::scalar(BaseType::kInt);
      }
      if (all_numbers) i.kind = Kind::kScalarOperator;
      break;
    }
    case Expr::Kind::kCall: {
      if (e.target == syntax::CallTarget::kUser) {
        i.kind = Kind::kUserCall;
        break;
      }
      i.kind = Kind::kLibraryCall;
      i.function = find_library(e.name);
      if (e.args.size() == 1 && number && is_number(expr(e.args[0]).type) &&
          e.type.base == BaseType::kReal) {
        for (const UnaryName& u : kUnaryNames) {
          if (e.name == u.name) {
            i.kind = Kind::kUnaryOperation;
            i.op = u.op;
          }
        }
      }
      break;
    }
    default:
      break;
  }
}

bool Tracer::is_locatable(ExprId id) {
  const Expr* e = &expr(id);
  while (true) {
    switch (e->kind) {
      case Expr::Kind::kVariable:
        return e->variable.valid();
      case Expr::Kind::kIndexed:
        for (const IndexExpr& index : e->indices) {
          if (index.kind != IndexExpr::Kind::kSingle ||
              !(expr(index.low).type == Type::scalar(BaseType::kInt))) {
            return false;
          }
        }
        break;
      case Expr::Kind::kParenthesised:
      case Expr::Kind::kProjection:
        break;
      default:
        return false;
    }
    e = &expr(e->args[0]);
  }
}

Scalar Tracer::scalar(ExprId id) {
  const Expr& e = expr(id);
  switch (e.kind) {
    case Expr::Kind::kIntLiteral:
      return static_cast<double>(e.integer);
    case Expr::Kind::kRealLiteral:
      return e.number;
    case Expr::Kind::kParenthesised:
      return scalar(e.args[0]);
    case Expr::Kind::kTernary: {
      const Scalar condition = truth(scalar(e.args[0]));
      if (condition.is_constant()) return scalar(e.args[condition.constant() != 0 ? 1 : 2]);
      return ternary(e).scalar();
    }
    case Expr::Kind::kTarget:
      return g_.sum(target_);
    default:
      break;
  }
  const ExprInfo& i = info(id);
  switch (i.kind) {
    case Kind::kScalarVariable:
      return slots_[static_cast<size_t>(e.variable.index)].elements[0];
    case Kind::kLocatable: {
      return read_scalar(locate(id));
    }
    case Kind::kScalarOperator:
      return scalar_operator(e, i);
    case Kind::kUnaryOperation:
      return g_.apply(i.op, scalar(e.args[0]));
    default:
      return evaluate(id).scalar();
  }
}

Value Tracer::evaluate(ExprId id) {
  const Expr& e = expr(id);
  switch (e.kind) {
    case Expr::Kind::kIntLiteral:
      return Value::integer(static_cast<double>(e.integer));
    case Expr::Kind::kRealLiteral:
      return Value::real(e.number);
    case Expr::Kind::kImaginaryLiteral: {
      Value z;
      z.type = Type::scalar(BaseType::kComplex);
      z.elements = {Scalar(0), Scalar(e.number)};
      return z;
    }
    case Expr::Kind::kStringLiteral: {
      Value text;
      text.type = Type::scalar(BaseType::kVoid);
      text.text = e.text;
      return text;
    }
    case Expr::Kind::kVariable: {
      if (e.variable.valid()) return slots_[static_cast<size_t>(e.variable.index)];
      Value function;
      function.type = Type::scalar(BaseType::kFunction);
      function.function = e.function;
      function.text = e.name;
      return function;
    }
    case Expr::Kind::kParenthesised:
      return evaluate(e.args[0]);
    case Expr::Kind::kTarget:
      return Value::real(g_.sum(target_));
    case Expr::Kind::kTernary:
      return ternary(e);
    case Expr::Kind::kArrayLiteral:
    case Expr::Kind::kRowVectorLiteral:
    case Expr::Kind::kTuple:
      return literal(e);
    case Expr::Kind::kCall:
      if (info(id).kind == Kind::kUnaryOperation) return Value::real(scalar(id));
      return call(id);
    default:
      break;
  }
  const ExprInfo& i = info(id);
  if (i.kind == Kind::kScalarOperator) {
    const Scalar x = scalar_operator(e, i);
    return e.type.base == BaseType::kInt ? Value::integer(x) : Value::real(x);
  }
  switch (e.kind) {
    case Expr::Kind::kIndexed:
    case Expr::Kind::kProjection:
      if (i.locatable) return read(locate(id), e.type);
      if (e.kind == Expr::Kind::kIndexed) return indexed(e);
      {
        Value tuple = evaluate(e.args[0]);
        return std::move(tuple.members[static_cast<size_t>(e.integer - 1)]);
      }
    case Expr::Kind::kUnary:
    case Expr::Kind::kPostfix: {
      Value storage;
      const Value& a = reference(e.args[0], storage);
      call_.span = e.span;
      return apply_unary(call_, e.op, a);
    }
    case Expr::Kind::kBinary: {
      Value storage_a, storage_b;
      // A call of a user function may use the slots of the other operand; they are restored before
      // it returns.
      const Value& a = reference(e.args[0], storage_a);
      const Value& b = reference(e.args[1], storage_b);
      call_.span = e.span;
      return apply_binary(call_, e.op, a, b);
    }
    default:
      fail(e.span, DiagnosticKind::kNotCovered, "this expression is not covered");
  }
}

const Value& Tracer::reference(ExprId id, Value& storage) {
  const Expr* e = &expr(id);
  while (e->kind == Expr::Kind::kParenthesised) {
    id = e->args[0];
    e = &expr(id);
  }
  if (e->kind == Expr::Kind::kVariable && e->variable.valid()) {
    return slots_[static_cast<size_t>(e->variable.index)];
  }
  if ((e->kind == Expr::Kind::kIndexed || e->kind == Expr::Kind::kProjection) &&
      info(id).locatable) {
    const Location at = locate(id);
    if (at.depth == 0) return *at.root;
    storage = read(at, e->type);
    return storage;
  }
  storage = evaluate(id);
  return storage;
}

int64_t Tracer::as_int(Scalar value, source::Span span, const char* what) const {
  if (!value.is_constant()) {
    fail(span, DiagnosticKind::kNotCovered,
         std::string(what) + " depends on a parameter; vinci needs it to be known from the data");
  }
  return static_cast<int64_t>(value.constant());
}

int64_t Tracer::int_value(ExprId id, const char* what) {
  return as_int(scalar(id), expr(id).span, what);
}

// ---- operators
// ------------------------------------------------------------------------------------------------

Scalar Tracer::truth(Scalar value) {
  if (value.is_constant()) return value.constant() != 0 ? 1.0 : 0.0;
  const Op op = g_.node(value.index()).op;
  if (op == Op::kLess || op == Op::kLessEqual || op == Op::kEqual) return value;
  return g_.select(g_.apply(Op::kEqual, value, 0.0), 0.0, 1.0);
}

Scalar Tracer::negation(Scalar condition) {
  if (condition.is_constant()) return condition.constant() != 0 ? 0.0 : 1.0;
  return g_.select(condition, 0.0, 1.0);
}

/// && and ||: the right side runs only where the left side does not decide.
Scalar Tracer::logical(const Expr& e) {
  const bool is_and = e.op == Operator::kAnd;
  const Scalar a = truth(scalar(e.args[0]));
  if (a.is_constant()) {
    if ((a.constant() != 0) != is_and) return is_and ? 0.0 : 1.0;
    return truth(scalar(e.args[1]));
  }
  const Scalar outer = path_;
  path_ = under_path(is_and ? a : negation(a));
  call_.condition = path_;
  const Scalar b = truth(scalar(e.args[1]));
  path_ = outer;
  call_.condition = path_;
  return is_and ? g_.select(a, b, 0.0) : g_.select(a, 1.0, b);
}

Scalar Tracer::scalar_operator(const Expr& e, const ExprInfo& i) {
  if (e.kind == Expr::Kind::kUnary) {
    const Scalar a = scalar(e.args[0]);
    switch (e.op) {
      case Operator::kNegate:
        return a.is_constant() ? Scalar(-a.constant()) : g_.neg(a);
      case Operator::kNot:
        return negation(truth(a));
      default:
        return a;
    }
  }
  if (e.op == Operator::kAnd || e.op == Operator::kOr) return logical(e);
  const Scalar a = scalar(e.args[0]);
  const Scalar b = scalar(e.args[1]);
  return binary(e.op, a, b, i.is_int, e.span);
}

Scalar Tracer::binary(Operator op, Scalar a, Scalar b, bool is_int, source::Span span) {
  const bool constant = a.is_constant() && b.is_constant();
  const double x = a.constant(), y = b.constant();
  double result = 0;
  switch (op) {
    case Operator::kAdd:
      if (!constant) return g_.add(a, b);
      result = x + y;
      break;
    case Operator::kSubtract:
      if (!constant) return g_.sub(a, b);
      result = x - y;
      break;
    case Operator::kMultiply:
    case Operator::kEltMultiply:
      if (!constant) return g_.mul(a, b);
      result = x * y;
      break;
    case Operator::kDivide:
    case Operator::kEltDivide:
      if (is_int) {
        if (b.is_constant() && y == 0)
          fail(span, DiagnosticKind::kArgumentValue, "integer division by zero");
        if (!constant) return g_.apply(Op::kTrunc, g_.div(a, b));
        result = std::trunc(x / y);
        break;
      }
      if (!constant) return g_.div(a, b);
      return x / y;
    case Operator::kIntDivide:
      if (b.is_constant() && y == 0)
        fail(span, DiagnosticKind::kArgumentValue, "integer division by zero");
      if (!constant) return g_.apply(Op::kTrunc, g_.div(a, b));
      result = std::trunc(x / y);
      break;
    case Operator::kModulo:
      if (b.is_constant() && y == 0)
        fail(span, DiagnosticKind::kArgumentValue, "remainder of a division by zero");
      if (!constant) return g_.apply(Op::kFmod, a, b);
      result = std::fmod(x, y);
      break;
    case Operator::kPower:
    case Operator::kEltPower:
      if (!constant) return g_.pow(a, b);
      return std::pow(x, y);
    case Operator::kEqual:
      return constant ? Scalar(x == y ? 1.0 : 0.0) : g_.apply(Op::kEqual, a, b);
    case Operator::kNotEqual:
      return constant ? Scalar(x != y ? 1.0 : 0.0) : negation(g_.apply(Op::kEqual, a, b));
    case Operator::kLess:
      return constant ? Scalar(x < y ? 1.0 : 0.0) : g_.apply(Op::kLess, a, b);
    case Operator::kLessEqual:
      return constant ? Scalar(x <= y ? 1.0 : 0.0) : g_.apply(Op::kLessEqual, a, b);
    case Operator::kGreater:
      return constant ? Scalar(x > y ? 1.0 : 0.0) : g_.apply(Op::kLess, b, a);
    case Operator::kGreaterEqual:
      return constant ? Scalar(x >= y ? 1.0 : 0.0) : g_.apply(Op::kLessEqual, b, a);
    default:
      fail(span, DiagnosticKind::kOperandType, "this operator does not take two numbers");
  }
  if (is_int && std::fabs(result) > 2147483648.0) {
    fail(span, DiagnosticKind::kArgumentValue,
         "the result does not fit an int (at most 2147483647)");
  }
  return result;
}

Scalar Tracer::under_path(Scalar condition) {
  if (path_.is_constant()) return condition;
  return g_.select(path_, condition, 0.0);
}

Value Tracer::ternary(const Expr& e) {
  const Scalar condition = truth(scalar(e.args[0]));
  if (condition.is_constant()) {
    Value value = evaluate(e.args[condition.constant() != 0 ? 1 : 2]);
    promote(value, e.type);
    return value;
  }
  const Scalar outer = path_;
  const auto under = [&](Scalar c, ExprId id) {
    path_ = under_path(c);
    call_.condition = path_;
    Value value = evaluate(id);
    path_ = outer;
    call_.condition = path_;
    promote(value, e.type);
    return value;
  };
  const Value a = under(condition, e.args[1]);
  const Value b = under(negation(condition), e.args[2]);
  Value out;
  if (!merge_values(g_, condition, a, b, out)) {
    fail(e.span, DiagnosticKind::kNotCovered,
         "the two sides have different sizes and the condition depends on a parameter");
  }
  return out;
}

// ---- literals
// -------------------------------------------------------------------------------------------------

Value Tracer::literal(const Expr& e) {
  Value out;
  out.type = e.type;
  if (e.kind == Expr::Kind::kTuple) {
    for (size_t k = 0; k < e.args.size(); ++k) {
      out.members.push_back(evaluate(e.args[k]));
      if (k < e.type.elements.size()) promote(out.members.back(), e.type.elements[k]);
    }
    return out;
  }
  // The elements of an array literal have the literal's type less one dimension; of a row vector
  // literal they are numbers, or row vectors that make a matrix.
  const bool is_array = e.kind == Expr::Kind::kArrayLiteral;
  Type element = e.type;
  if (is_array) {
    --element.array_depth;
  } else if (e.type.base == BaseType::kMatrix) {
    element.base = BaseType::kRowVector;
  } else if (e.type.base == BaseType::kComplexMatrix) {
    element.base = BaseType::kComplexRowVector;
  } else {
    element.base =
        e.type.base == BaseType::kComplexRowVector ? BaseType::kComplex : BaseType::kReal;
  }
  const auto count = static_cast<int64_t>(e.args.size());
  if (is_number(element)) {
    out.elements.reserve(e.args.size());
    for (ExprId a : e.args) out.elements.push_back(scalar(a));
    out.dims = {count};
    return out;
  }
  for (size_t k = 0; k < e.args.size(); ++k) {
    Value value = evaluate(e.args[k]);
    promote(value, element);
    if (k == 0) {
      out.dims = value.dims;
      out.dims.insert(out.dims.begin(), count);
    } else if (!std::equal(value.dims.begin(), value.dims.end(), out.dims.begin() + 1,
                           out.dims.end())) {
      fail(expr(e.args[k]).span, DiagnosticKind::kArgumentValue,
           "this element has size " + dims_to_string(value.dims) + ", the ones before " +
               dims_to_string({out.dims.begin() + 1, out.dims.end()}));
    }
    out.elements.insert(out.elements.end(), value.elements.begin(), value.elements.end());
    if (element.base == BaseType::kTuple) {
      if (element.array_depth == 0) {
        out.members.push_back(std::move(value));
      } else {
        for (Value& member : value.members) out.members.push_back(std::move(member));
      }
    }
  }
  if (e.args.empty()) {
    out.dims.assign(static_cast<size_t>(out.type.array_depth), 0);
    if (e.type.base == BaseType::kVector || e.type.base == BaseType::kRowVector)
      out.dims.push_back(0);
    if (e.type.base == BaseType::kMatrix) out.dims.insert(out.dims.end(), 2, 0);
  }
  return out;
}

// ---- helpers on values
// ----------------------------------------------------------------------------------------

void promote(Value& value, const Type& type) {
  if (type.base == BaseType::kError || type.base == BaseType::kVoid ||
      type.base == BaseType::kFunction) {
    return;
  }
  if (type.base == BaseType::kTuple) {
    if (value.type.base == BaseType::kTuple) {
      if (value.type.array_depth == 0) {
        for (size_t k = 0; k < value.members.size() && k < type.elements.size(); ++k) {
          promote(value.members[k], type.elements[k]);
        }
      } else {
        Type element = type;
        element.array_depth = 0;
        for (Value& member : value.members) promote(member, element);
      }
      value.type = type;
    }
    return;
  }
  if (value.type.base == type.base) return;
  const bool to_complex =
      type.base == BaseType::kComplex || type.base == BaseType::kComplexVector ||
      type.base == BaseType::kComplexRowVector || type.base == BaseType::kComplexMatrix;
  if (to_complex && !value.is_complex()) {
    std::vector<Scalar> wide;
    wide.reserve(value.elements.size() * 2);
    for (const Scalar& s : value.elements) {
      wide.push_back(s);
      wide.push_back(0.0);
    }
    value.elements = std::move(wide);
  }
  value.type.base = type.base;
}

bool merge_values(graph::Graph& graph, Scalar condition, const Value& a, const Value& b,
                  Value& out) {
  if (a.dims != b.dims || a.elements.size() != b.elements.size() ||
      a.members.size() != b.members.size()) {
    return false;
  }
  out = a;
  for (size_t k = 0; k < a.elements.size(); ++k) {
    if (!a.elements[k].identical(b.elements[k])) {
      out.elements[k] = graph.select(condition, a.elements[k], b.elements[k]);
    }
  }
  for (size_t k = 0; k < a.members.size(); ++k) {
    if (!merge_values(graph, condition, a.members[k], b.members[k], out.members[k])) return false;
  }
  return true;
}

}  // namespace vinci::lower
