// The operators of the language on values.
#include <algorithm>
#include <cmath>

#include "graph/arrays/arrays.h"
#include "lower/bound_type.h"
#include "lower/library.h"
#include "syntax/spelling.h"

namespace vinci::lower {
namespace {

using graph::Op;
using syntax::Operator;

[[noreturn]] void size_mismatch(const Call& call, Operator op, const Value& a, const Value& b) {
  call.fail("the sizes of the operands of `" + std::string(syntax::spelling(op)) +
            "` do not match: " + dims_to_string(a.dims) + " and " + dims_to_string(b.dims));
}

BaseType complex_base(BaseType base) {
  switch (base) {
    case BaseType::kInt:
    case BaseType::kReal:
      return BaseType::kComplex;
    case BaseType::kVector:
      return BaseType::kComplexVector;
    case BaseType::kRowVector:
      return BaseType::kComplexRowVector;
    case BaseType::kMatrix:
      return BaseType::kComplexMatrix;
    default:
      return base;
  }
}
BaseType real_base(BaseType base) {
  switch (base) {
    case BaseType::kComplex:
      return BaseType::kReal;
    case BaseType::kComplexVector:
      return BaseType::kVector;
    case BaseType::kComplexRowVector:
      return BaseType::kRowVector;
    case BaseType::kComplexMatrix:
      return BaseType::kMatrix;
    default:
      return base;
  }
}

/// f on pairs of elements; a scalar is repeated.
template <class F>
Value broadcast(const Call& call, Operator op, const Value& a, const Value& b, F f) {
  Value out;
  if (a.is_scalar() && b.is_scalar()) {
    const bool is_int = a.type.base == BaseType::kInt && b.type.base == BaseType::kInt;
    return is_int ? Value::integer(f(a.scalar(), b.scalar()))
                  : Value::real(f(a.scalar(), b.scalar()));
  }
  const Value& shape = a.is_scalar() ? b : a;
  if (!a.is_scalar() && !b.is_scalar() && a.dims != b.dims) size_mismatch(call, op, a, b);
  out.type = shape.type;
  if (out.type.base == BaseType::kInt &&
      (a.type.base != BaseType::kInt || b.type.base != BaseType::kInt)) {
    out.type.base = BaseType::kReal;
  }
  out.dims = shape.dims;
  const size_t n = shape.elements.size();
  out.elements.reserve(n);
  const size_t step_a = a.is_scalar() ? 0 : 1, step_b = b.is_scalar() ? 0 : 1;
  for (size_t k = 0; k < n; ++k)
    out.elements.push_back(f(a.elements[k * step_a], b.elements[k * step_b]));
  return out;
}

double int_result(const Call& call, double x) {
  if (std::fabs(x) > 2147483648.0) call.fail("the result does not fit an int (at most 2147483647)");
  return x;
}

// ---- complex
// --------------------------------------------------------------------------------------------------

struct Complex {
  Scalar re, im;
};

Complex complex_at(const Value& v, size_t k) {
  if (v.is_complex()) return {v.elements[2 * k], v.elements[2 * k + 1]};
  return {v.elements[k], 0.0};
}

Complex multiply(graph::Graph& g, Complex a, Complex b) {
  return {g.sub(g.mul(a.re, b.re), g.mul(a.im, b.im)), g.add(g.mul(a.re, b.im), g.mul(a.im, b.re))};
}

Complex divide(graph::Graph& g, Complex a, Complex b) {
  const Scalar scale = g.inv(g.add(g.square(b.re), g.square(b.im)));
  const Complex product = multiply(g, a, {b.re, g.neg(b.im)});
  return {g.mul(product.re, scale), g.mul(product.im, scale)};
}

template <class F>
Value complex_broadcast(const Call& call, Operator op, const Value& a, const Value& b, F f) {
  const Value& shape = a.is_scalar() ? b : a;
  if (!a.is_scalar() && !b.is_scalar() && a.dims != b.dims) size_mismatch(call, op, a, b);
  Value out;
  out.type = shape.type;
  out.type.base = complex_base(real_base(shape.type.base));
  out.dims = shape.dims;
  const auto n = static_cast<size_t>(shape.size());
  for (size_t k = 0; k < n; ++k) {
    const Complex z = f(complex_at(a, a.is_scalar() ? 0 : k), complex_at(b, b.is_scalar() ? 0 : k));
    out.elements.push_back(z.re);
    out.elements.push_back(z.im);
  }
  return out;
}

// ---- products
// -------------------------------------------------------------------------------------------------

struct Shape {
  int64_t rows = 1, cols = 1;
};
Shape shape_of(const Value& v) {
  switch (real_base(v.type.base)) {
    case BaseType::kVector:
      return {v.dims[0], 1};
    case BaseType::kRowVector:
      return {1, v.dims[0]};
    case BaseType::kMatrix:
      return {v.dims[0], v.dims[1]};
    default:
      return {};
  }
}

Value shaped(const Value& a, const Value& b, Shape s, std::vector<Scalar> elements,
             bool is_complex) {
  const BaseType left = real_base(a.type.base), right = real_base(b.type.base);
  Value out;
  out.elements = std::move(elements);
  if (left == BaseType::kRowVector && right == BaseType::kVector) {
    out.type = Type::scalar(BaseType::kReal);
  } else if (right == BaseType::kVector) {
    out.type = Type::scalar(BaseType::kVector);
    out.dims = {s.rows};
  } else if (left == BaseType::kRowVector) {
    out.type = Type::scalar(BaseType::kRowVector);
    out.dims = {s.cols};
  } else {
    out.type = Type::scalar(BaseType::kMatrix);
    out.dims = {s.rows, s.cols};
  }
  if (is_complex) out.type.base = complex_base(out.type.base);
  return out;
}

std::vector<Scalar> transposed(std::span<const Scalar> x, int64_t rows, int64_t cols,
                               int64_t width) {
  std::vector<Scalar> out(x.size());
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) {
      for (int64_t w = 0; w < width; ++w) {
        out[static_cast<size_t>((j * rows + i) * width + w)] =
            x[static_cast<size_t>((i * cols + j) * width + w)];
      }
    }
  }
  return out;
}

/// Products with more multiplications than this are array functions; smaller ones are linear
/// combinations or dot products element by element, which the passes can simplify.
constexpr int64_t kLargeProduct = 4096;

std::vector<double> constants(const Value& m) {
  std::vector<double> x;
  x.reserve(m.elements.size());
  for (const Scalar& s : m.elements) x.push_back(s.constant());
  return x;
}

/// The product [s.rows, s.cols] of large operands by array functions; false where it is not for
/// them.
bool large_product(graph::Graph& g, const Value& a, const Value& b, Shape s, int64_t inner,
                   std::vector<Scalar>& out) {
  const bool a_constant = a.is_constant(), b_constant = b.is_constant();
  if (a_constant && b_constant) return false;
  const auto rows = static_cast<size_t>(s.rows), cols = static_cast<size_t>(s.cols);
  const auto count = static_cast<size_t>(inner);
  if (a_constant) {
    if (s.rows * inner <= kLargeProduct || s.rows == 1) return false;
    const auto function = graph::data_matrix_product(constants(a), s.rows, inner);
    out.assign(rows * cols, Scalar(0));
    std::vector<Scalar> column(count);
    for (size_t j = 0; j < cols; ++j) {
      for (size_t k = 0; k < count; ++k) column[k] = b.elements[k * cols + j];
      const std::vector<Scalar> result = g.call(function, column);
      for (size_t i = 0; i < rows; ++i) out[i * cols + j] = result[i];
    }
    return true;
  }
  if (b_constant) {
    if (s.cols * inner <= kLargeProduct || s.cols == 1) return false;
    Value right = b;
    right.elements = transposed(b.elements, inner, s.cols, 1);
    const auto function = graph::data_matrix_product(constants(right), s.cols, inner);
    for (size_t i = 0; i < rows; ++i) {
      const std::vector<Scalar> result = g.call(function, {a.elements.data() + i * count, count});
      out.insert(out.end(), result.begin(), result.end());
    }
    return true;
  }
  if (s.rows * inner * s.cols <= kLargeProduct || s.rows * s.cols == 1) return false;
  std::vector<Scalar> inputs = a.elements;
  inputs.insert(inputs.end(), b.elements.begin(), b.elements.end());
  out = g.call(graph::matrix_product(static_cast<int>(s.rows), static_cast<int>(inner),
                                     static_cast<int>(s.cols)),
               inputs);
  return true;
}

Value product(const Call& call, const Value& a, const Value& b) {
  graph::Graph& g = call.graph;
  const Shape sa = shape_of(a), sb = shape_of(b);
  if (sa.cols != sb.rows) size_mismatch(call, Operator::kMultiply, a, b);
  const Shape s{sa.rows, sb.cols};
  const auto inner = static_cast<size_t>(sa.cols);
  std::vector<Scalar> out;
  if (a.is_complex() || b.is_complex()) {
    out.reserve(static_cast<size_t>(s.rows * s.cols) * 2);
    for (int64_t i = 0; i < s.rows; ++i) {
      for (int64_t j = 0; j < s.cols; ++j) {
        std::vector<Scalar> re, im;
        for (size_t k = 0; k < inner; ++k) {
          const Complex z =
              multiply(g, complex_at(a, static_cast<size_t>(i) * inner + k),
                       complex_at(b, k * static_cast<size_t>(s.cols) + static_cast<size_t>(j)));
          re.push_back(z.re);
          im.push_back(z.im);
        }
        out.push_back(g.sum(re));
        out.push_back(g.sum(im));
      }
    }
    return shaped(a, b, s, std::move(out), true);
  }
  if (large_product(g, a, b, s, sa.cols, out)) return shaped(a, b, s, std::move(out), false);
  out.reserve(static_cast<size_t>(s.rows * s.cols));
  std::vector<Scalar> columns;
  std::span<const Scalar> right = b.elements;
  if (s.cols > 1 && sb.rows > 1) {
    columns = transposed(b.elements, sb.rows, sb.cols, 1);
    right = columns;
  }
  for (int64_t i = 0; i < s.rows; ++i) {
    const std::span<const Scalar> row{a.elements.data() + static_cast<size_t>(i) * inner, inner};
    for (int64_t j = 0; j < s.cols; ++j) {
      out.push_back(g.dot(row, right.subspan(static_cast<size_t>(j) * inner, inner)));
    }
  }
  return shaped(a, b, s, std::move(out), false);
}

Value library_call(const Call& call, const char* name, Operator op, const Value& a,
                   const Value& b) {
  const LibraryFunction function = LibraryTable::instance().find(name);
  if (function == nullptr) {
    call.fail(std::string("the operator `") + std::string(syntax::spelling(op)) +
                  "` is not covered for these operands",
              source::DiagnosticKind::kNotCovered);
  }
  const Value args[] = {a, b};
  return function(call, std::span<const Value>(args, 2));
}

Scalar complement(graph::Graph& g, Scalar condition) { return g.select(condition, 0.0, 1.0); }

Value condition(Scalar s) { return Value::integer(s); }

}  // namespace

Value apply_binary(const Call& call, Operator op, const Value& a, const Value& b) {
  graph::Graph& g = call.graph;
  const bool is_complex = a.is_complex() || b.is_complex();
  const bool is_int = a.type.base == BaseType::kInt && b.type.base == BaseType::kInt;
  const auto elementwise = [&](auto f) { return broadcast(call, op, a, b, f); };
  const auto int_elementwise = [&](auto f) {
    return broadcast(call, op, a, b, [&](Scalar x, Scalar y) {
      const Scalar r = f(x, y);
      return is_int && r.is_constant() ? Scalar(int_result(call, r.constant())) : r;
    });
  };
  switch (op) {
    case Operator::kAdd:
      if (is_complex) {
        return complex_broadcast(call, op, a, b, [&](Complex x, Complex y) {
          return Complex{g.add(x.re, y.re), g.add(x.im, y.im)};
        });
      }
      return int_elementwise([&](Scalar x, Scalar y) { return g.add(x, y); });
    case Operator::kSubtract:
      if (is_complex) {
        return complex_broadcast(call, op, a, b, [&](Complex x, Complex y) {
          return Complex{g.sub(x.re, y.re), g.sub(x.im, y.im)};
        });
      }
      return int_elementwise([&](Scalar x, Scalar y) { return g.sub(x, y); });
    case Operator::kMultiply:
      if (!a.is_scalar() && !b.is_scalar()) return product(call, a, b);
      [[fallthrough]];
    case Operator::kEltMultiply:
      if (is_complex) {
        return complex_broadcast(call, op, a, b,
                                 [&](Complex x, Complex y) { return multiply(g, x, y); });
      }
      return int_elementwise([&](Scalar x, Scalar y) { return g.mul(x, y); });
    case Operator::kDivide:
      if (!b.is_scalar()) return library_call(call, "mdivide_right", op, a, b);
      [[fallthrough]];
    case Operator::kEltDivide:
      if (is_complex) {
        return complex_broadcast(call, op, a, b,
                                 [&](Complex x, Complex y) { return divide(g, x, y); });
      }
      if (is_int) {
        return elementwise([&](Scalar x, Scalar y) -> Scalar {
          if (y.is_constant() && y.constant() == 0) call.fail("integer division by zero");
          if (x.is_constant() && y.is_constant()) return std::trunc(x.constant() / y.constant());
          return g.apply(Op::kTrunc, g.div(x, y));
        });
      }
      return elementwise([&](Scalar x, Scalar y) -> Scalar {
        if (x.is_constant() && y.is_constant()) return x.constant() / y.constant();
        return g.div(x, y);
      });
    case Operator::kIntDivide:
      return elementwise([&](Scalar x, Scalar y) -> Scalar {
        if (y.is_constant() && y.constant() == 0) call.fail("integer division by zero");
        return g.apply(Op::kTrunc, g.div(x, y));
      });
    case Operator::kModulo:
      return elementwise([&](Scalar x, Scalar y) -> Scalar {
        if (y.is_constant() && y.constant() == 0) call.fail("remainder of a division by zero");
        return g.apply(Op::kFmod, x, y);
      });
    case Operator::kLeftDivide:
      return library_call(call, "mdivide_left", op, a, b);
    case Operator::kPower:
    case Operator::kEltPower: {
      if (is_complex) return library_call(call, "pow", op, a, b);
      Value out = elementwise([&](Scalar x, Scalar y) { return g.pow(x, y); });
      if (out.type.base == BaseType::kInt) out.type.base = BaseType::kReal;
      return out;
    }
    case Operator::kEqual:
    case Operator::kNotEqual: {
      const Complex x = complex_at(a, 0), y = complex_at(b, 0);
      Scalar equal = g.apply(Op::kEqual, x.re, y.re);
      if (is_complex) equal = g.select(equal, g.apply(Op::kEqual, x.im, y.im), 0.0);
      return condition(op == Operator::kEqual ? equal : complement(g, equal));
    }
    case Operator::kLess:
      return condition(g.apply(Op::kLess, a.scalar(), b.scalar()));
    case Operator::kLessEqual:
      return condition(g.apply(Op::kLessEqual, a.scalar(), b.scalar()));
    case Operator::kGreater:
      return condition(g.apply(Op::kLess, b.scalar(), a.scalar()));
    case Operator::kGreaterEqual:
      return condition(g.apply(Op::kLessEqual, b.scalar(), a.scalar()));
    case Operator::kAnd:
      return condition(g.select(a.scalar(), g.select(b.scalar(), 1.0, 0.0), 0.0));
    case Operator::kOr:
      return condition(g.select(a.scalar(), 1.0, g.select(b.scalar(), 1.0, 0.0)));
    default:
      call.fail("this operator does not take two operands", source::DiagnosticKind::kOperandType);
  }
}

Value apply_unary(const Call& call, Operator op, const Value& a) {
  graph::Graph& g = call.graph;
  switch (op) {
    case Operator::kPlus:
      return a;
    case Operator::kNegate: {
      Value out = a;
      for (Scalar& s : out.elements) s = s.is_constant() ? Scalar(-s.constant()) : g.neg(s);
      return out;
    }
    case Operator::kNot:
      return condition(complement(g, a.scalar()));
    case Operator::kTranspose: {
      Value out;
      const int64_t w = a.is_complex() ? 2 : 1;
      switch (real_base(a.type.base)) {
        case BaseType::kVector:
        case BaseType::kRowVector:
          out = a;
          out.type.base = real_base(a.type.base) == BaseType::kVector ? BaseType::kRowVector
                                                                      : BaseType::kVector;
          if (w == 2) out.type.base = complex_base(out.type.base);
          return out;
        default:
          out.type = a.type;
          out.dims = {a.dims[1], a.dims[0]};
          out.elements = transposed(a.elements, a.dims[0], a.dims[1], w);
          return out;
      }
    }
    default:
      call.fail("this operator does not take one operand", source::DiagnosticKind::kOperandType);
  }
}

}  // namespace vinci::lower
