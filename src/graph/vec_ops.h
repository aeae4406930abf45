// The elementwise operations of a DensityGraph on the vector block: value, and partial derivatives
// from operands x and value y. For `*_simd.cc` files only; tested through the kernels of `exec`
// against graph/reference.cc.
#pragma once

#include "graph/op.h"
#include "numeric/simd/vec.h"
#include "numeric/special/vec_math.h"

namespace vinci::graph::VINCI_TARGET {

using namespace vinci::numeric::VINCI_TARGET;  // NOLINT: the vector type and its functions
namespace vm = vinci::numeric::VINCI_TARGET;

constexpr double kInf = __builtin_inf();

/// One struct for each operation, named as in ops.def.
namespace vec_op {

struct One {
  static constexpr int kArity = 1;
};
#define VINCI_UNARY(Name, value_expr, derivative_expr)        \
  struct Name : One {                                         \
    VINCI_INLINE Vec value(const Vec* v) {                    \
      const Vec x = v[0];                                     \
      return value_expr;                                      \
    }                                                         \
    VINCI_INLINE void partials(const Vec* v, Vec y, Vec* d) { \
      const Vec x = v[0];                                     \
      (void)x;                                                \
      (void)y;                                                \
      d[0] = derivative_expr;                                 \
    }                                                         \
  };
constexpr double kInvSqrt2Pi = 0.39894228040143267794;
constexpr double kTwoOverSqrtPi = 1.12837916709551257390;

VINCI_UNARY(Exp, vm::exp(x), y)
VINCI_UNARY(Log, vm::log(x), Vec(1.0) / x)
VINCI_UNARY(Log1p, vm::log1p(x), Vec(1.0) / (x + 1.0))
VINCI_UNARY(Expm1, vm::expm1(x), y + 1.0)
VINCI_UNARY(Sqrt, vm::sqrt(x), Vec(0.5) / y)
VINCI_UNARY(Square, x* x, x + x)
VINCI_UNARY(Inv, Vec(1.0) / x, -(y* y))
VINCI_UNARY(Abs, vm::abs(x), select(x > 0.0, Vec(1.0), select(x < 0.0, Vec(-1.0), Vec(0.0))))
VINCI_UNARY(Sin, vm::sin(x), vm::cos(x))
VINCI_UNARY(Cos, vm::cos(x), -vm::sin(x))
VINCI_UNARY(Tan, vm::tan(x), fma(y, y, Vec(1.0)))
VINCI_UNARY(Asin, vm::asin(x), Vec(1.0) / vm::sqrt(Vec(1.0) - x * x))
VINCI_UNARY(Acos, vm::acos(x), Vec(-1.0) / vm::sqrt(Vec(1.0) - x * x))
VINCI_UNARY(Atan, vm::atan(x), Vec(1.0) / fma(x, x, Vec(1.0)))
VINCI_UNARY(Sinh, vm::sinh(x), vm::cosh(x))
VINCI_UNARY(Cosh, vm::cosh(x), vm::sinh(x))
VINCI_UNARY(Tanh, vm::tanh(x), Vec(1.0) - y * y)
VINCI_UNARY(Asinh, vm::asinh(x), Vec(1.0) / vm::sqrt(fma(x, x, Vec(1.0))))
VINCI_UNARY(Acosh, vm::acosh(x), Vec(1.0) / vm::sqrt(x * x - 1.0))
VINCI_UNARY(Atanh, vm::atanh(x), Vec(1.0) / (Vec(1.0) - x * x))
VINCI_UNARY(Cbrt, vm::cbrt(x), Vec(1.0) / (y * y * 3.0))
VINCI_UNARY(Floor, vm::floor(x), Vec(0.0))
VINCI_UNARY(Ceil, vm::ceil(x), Vec(0.0))
VINCI_UNARY(Round, vm::round(x), Vec(0.0))
VINCI_UNARY(Trunc, vm::trunc(x), Vec(0.0))
VINCI_UNARY(InvLogit, vm::inv_logit(x), y* vm::inv_logit(-x))
VINCI_UNARY(Log1mExp, vm::log1m_exp(x), -vm::exp(x - y))
VINCI_UNARY(Lgamma, vm::lgamma(x), vm::digamma(x))
VINCI_UNARY(Digamma, vm::digamma(x), vm::trigamma(x))
VINCI_UNARY(Erf, vm::erf(x), vm::exp(-(x* x)) * kTwoOverSqrtPi)
VINCI_UNARY(Erfc, vm::erfc(x), vm::exp(-(x* x)) * -kTwoOverSqrtPi)
VINCI_UNARY(StdNormalCdf, vm::std_normal_cdf(x), vm::exp(x* x * -0.5) * kInvSqrt2Pi)
VINCI_UNARY(StdNormalLcdf, vm::std_normal_lcdf(x), vm::std_normal_lcdf_derivative(x))
VINCI_UNARY(StdNormalQuantile, vm::std_normal_quantile(x),
            Vec(1 / kInvSqrt2Pi) * vm::exp(y * y * 0.5))
#undef VINCI_UNARY

struct Two {
  static constexpr int kArity = 2;
};
#define VINCI_BINARY(Name, value_expr, da_expr, db_expr)      \
  struct Name : Two {                                         \
    VINCI_INLINE Vec value(const Vec* v) {                    \
      const Vec a = v[0];                                     \
      const Vec b = v[1];                                     \
      return value_expr;                                      \
    }                                                         \
    VINCI_INLINE void partials(const Vec* v, Vec y, Vec* d) { \
      const Vec a = v[0];                                     \
      const Vec b = v[1];                                     \
      (void)a;                                                \
      (void)b;                                                \
      (void)y;                                                \
      d[0] = da_expr;                                         \
      d[1] = db_expr;                                         \
    }                                                         \
  };
VINCI_BINARY(Mul, a* b, b, a)
VINCI_BINARY(Div, a / b, Vec(1.0) / b, -(y / b))
// a^(b-1) = y / a, but where a = 0: there 0 for b > 1, 1 for b = 1.
VINCI_BINARY(Pow, vm::pow(a, b),
             select(a == 0.0, select(b == 1.0, Vec(1.0), select(b > 1.0, Vec(0.0), Vec(kInf))),
                    select(b == 0.0, Vec(0.0), b* y / a)),
             select(a == 0.0, Vec(0.0), y* vm::log(a)))
VINCI_BINARY(Hypot, vm::sqrt(fma(a, a, b* b)), a / y, b / y)
// Like C's fmin: a NaN operand gives the other one.
VINCI_BINARY(Fmin, select(is_nan(a), b, select(b < a, b, a)), to_unit(a <= b), to_unit(~(a <= b)))
VINCI_BINARY(Fmax, select(is_nan(a), b, select(b > a, b, a)), to_unit(a >= b), to_unit(~(a >= b)))
VINCI_BINARY(LogDiffExp, select(b == -kInf, a, a + vm::log1m_exp(b - a)), vm::exp(a - y),
             -vm::exp(b - y))
VINCI_BINARY(Less, to_unit(a < b), Vec(0.0), Vec(0.0))
VINCI_BINARY(LessEqual, to_unit(a <= b), Vec(0.0), Vec(0.0))
VINCI_BINARY(Equal, to_unit(a == b), Vec(0.0), Vec(0.0))
#undef VINCI_BINARY

struct Three {
  static constexpr int kArity = 3;
};
struct NormalKernel : Three {
  VINCI_INLINE Vec value(const Vec* v) {
    const Vec z = (v[0] - v[1]) * v[2];
    return z * z * -0.5;
  }
  VINCI_INLINE void partials(const Vec* v, Vec, Vec* d) {
    const Vec r = v[0] - v[1];
    const Vec z = r * v[2];
    d[1] = z * v[2];
    d[0] = -d[1];
    d[2] = -(z * r);
  }
};
struct Select : Three {
  VINCI_INLINE Vec value(const Vec* v) { return select(v[0] == 0.0, v[2], v[1]); }
  VINCI_INLINE void partials(const Vec* v, Vec, Vec* d) {
    d[0] = Vec(0.0);
    d[2] = to_unit(v[0] == 0.0);
    d[1] = Vec(1.0) - d[2];
  }
};

}  // namespace vec_op

/// Calls the macro F with the name of each operation above; products and quotients apart, whose
/// derivatives some callers fuse.
// clang-format off
#define VINCI_FOR_EACH_VEC_OP_BUT_PRODUCTS(F)                                                     \
  F(Exp) F(Log) F(Log1p) F(Expm1) F(Sqrt) F(Square) F(Inv) F(Abs) F(Sin) F(Cos) F(Tan)            \
  F(Asin) F(Acos) F(Atan) F(Sinh) F(Cosh) F(Tanh) F(Asinh) F(Acosh) F(Atanh) F(Cbrt)              \
  F(Floor) F(Ceil) F(Round) F(Trunc) F(InvLogit) F(Log1mExp) F(Lgamma) F(Digamma) F(Erf)          \
  F(Erfc) F(StdNormalCdf) F(StdNormalLcdf) F(StdNormalQuantile) F(Pow) F(Hypot) F(Fmin)           \
  F(Fmax) F(LogDiffExp) F(Less) F(LessEqual) F(Equal) F(NormalKernel) F(Select)
#define VINCI_FOR_EACH_VEC_OP(F) F(Mul) F(Div) VINCI_FOR_EACH_VEC_OP_BUT_PRODUCTS(F)
// clang-format on

}  // namespace vinci::graph::VINCI_TARGET
