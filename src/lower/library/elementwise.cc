// Elementwise functions of real numbers, named operators and mathematical constants.
#include "lower/library/elementwise.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "graph/arrays/arrays.h"
#include "lower/bound_type.h"
#include "numeric/special/hypergeometric.h"
#include "numeric/special/special.h"

namespace vinci::lower {
namespace {

using graph::Graph;
using graph::Op;
using syntax::Operator;
using Args = std::span<const Value>;

constexpr double kLog2 = std::numbers::ln2;
constexpr double kSqrt2 = std::numbers::sqrt2;

// ---- one argument

/// f: Scalar(Graph&, Scalar).
template <auto f>
Value unary(const Call& call, Args args) {
  const Value& x = args[0];
  if (x.is_complex()) return complex_elementwise(call, args);
  Value out;
  out.type = x.type;
  if (out.type.base == BaseType::kInt) out.type.base = BaseType::kReal;
  out.dims = x.dims;
  out.elements.reserve(x.elements.size());
  for (const Scalar& s : x.elements) out.elements.push_back(f(call.graph, s));
  return out;
}
template <Op op>
Scalar operation(Graph& g, Scalar x) {
  return g.apply(op, x);
}
template <Op op>
void add_operation(LibraryTable& table, std::string_view name) {
  table.add(name, unary<operation<op>>);
}

/// A function without an operation, computed lane by lane.
/// f: double(double); derivative: double(double x, double value).
template <auto f, auto derivative>
Scalar cold(Graph& g, const char* name, Scalar x) {
  const auto value = [](const double* in) { return f(*in); };
  const auto partials = [](const double* in, double at, double* partial) {
    *partial = derivative(*in, at);
  };
  const Scalar inputs[] = {x};
  return g.call(graph::scalar_function(name, 1, value, partials), inputs)[0];
}

Scalar log2(Graph& g, Scalar x) {
  if (x.is_constant()) return std::log2(x.constant());
  return g.mul(g.log(x), 1 / kLog2);
}
Scalar log10(Graph& g, Scalar x) {
  if (x.is_constant()) return std::log10(x.constant());
  return g.mul(g.log(x), 1 / std::numbers::ln10);
}
Scalar phi_approx(Graph& g, Scalar x) {
  // [Bowling and others 2009, doi 10.3926/jiem.2009.v2n1.p114-127]
  return g.inv_logit(g.mul(x, g.add(g.mul(g.square(x), 0.07056), 1.5976)));
}
Scalar tgamma(Graph& g, Scalar x) {
  return cold<numeric::tgamma, [](double u, double value) { return value * numeric::digamma(u); }>(
      g, "tgamma", x);
}
Scalar lambert_w0(Graph& g, Scalar x) {
  return cold<numeric::lambert_w0, numeric::lambert_w_derivative>(g, "lambert_w0", x);
}
Scalar lambert_wm1(Graph& g, Scalar x) {
  return cold<numeric::lambert_wm1, numeric::lambert_w_derivative>(g, "lambert_wm1", x);
}
Scalar std_normal_log_qf(Graph& g, Scalar x) {
  return cold<numeric::std_normal_log_quantile, [](double, double q) {
    return 1 / numeric::std_normal_lcdf_derivative(q);
  }>(g, "std_normal_log_qf", x);
}
Scalar inv_erfc(Graph& g, Scalar x) {
  return g.mul(g.apply(Op::kStdNormalQuantile, g.mul(x, 0.5)), -1 / kSqrt2);
}
Scalar one_minus_less(Graph& g, Scalar x) {
  return g.apply(Op::kLessEqual, 0.0, x);
}  // step: 1 where x >= 0

Value abs_value(const Call& call, Args args) {
  const Value& x = args[0];
  if (x.is_complex()) return complex_elementwise(call, args);
  Value out = x;
  for (Scalar& s : out.elements) s = call.graph.apply(Op::kAbs, s);
  return out;
}
Value int_step(const Call& call, Args args) {
  return Value::integer(call.graph.less(0.0, args[0].scalar()));
}
Value is_inf(const Call& call, Args args) {
  const Scalar size = call.graph.apply(Op::kAbs, args[0].scalar());
  return Value::integer(
      call.graph.apply(Op::kEqual, size, std::numeric_limits<double>::infinity()));
}
Value is_nan(const Call& call, Args args) {
  Graph& g = call.graph;
  const Scalar x = args[0].scalar();
  if (x.is_constant()) return Value::integer(std::isnan(x.constant()) ? 1.0 : 0.0);
  // Only NaN is neither below 0 nor at or above it.
  return Value::integer(g.sub(g.sub(1.0, g.less(x, 0.0)), g.apply(Op::kLessEqual, 0.0, x)));
}
Value to_int(const Call& call, Args args) {
  Value out = args[0];
  out.type.base = BaseType::kInt;
  for (Scalar& s : out.elements) {
    s = call.graph.apply(Op::kTrunc, s);
    if (s.is_constant() && !(std::abs(s.constant()) <= 2147483647.0))
      call.fail("the result of `to_int` does not fit an int");
  }
  return out;
}

// ---- two arguments

/// f: Scalar(Graph&, Scalar, Scalar).
template <auto f>
Value binary(const Call& call, Args args) {
  return broadcast_real(call, args[0], args[1],
                        [&](Scalar a, Scalar b) { return f(call.graph, a, b); });
}
template <Op op>
Scalar operation2(Graph& g, Scalar a, Scalar b) {
  return g.apply(op, a, b);
}
template <Op op>
void add_operation2(LibraryTable& table, std::string_view name) {
  table.add(name, binary<operation2<op>>);
}

Value pow(const Call& call, Args args) {
  if (args[0].is_complex() || args[1].is_complex()) return complex_elementwise(call, args);
  return broadcast_real(call, args[0], args[1],
                        [&](Scalar a, Scalar b) { return call.graph.pow(a, b); });
}
Scalar lbeta(Graph& g, Scalar a, Scalar b) {
  return g.sub(g.add(g.lgamma(a), g.lgamma(b)), g.lgamma(g.add(a, b)));
}
Scalar beta(Graph& g, Scalar a, Scalar b) { return g.exp(lbeta(g, a, b)); }
Scalar fdim(Graph& g, Scalar a, Scalar b) { return g.select(g.less(b, a), g.sub(a, b), 0.0); }
Scalar lchoose(Graph& g, Scalar n, Scalar k) {
  if (n.is_constant() && k.is_constant()) return numeric::lchoose(n.constant(), k.constant());
  return g.sub(g.sub(g.lgamma(g.add(n, 1.0)), g.lgamma(g.add(k, 1.0))),
               g.lgamma(g.add(g.sub(n, k), 1.0)));
}
Scalar lmultiply(Graph& g, Scalar a, Scalar b) {
  if (a.is_constant() && a.constant() == 0) return 0.0;
  return g.mul(a, g.log(b));
}
Scalar log_falling_factorial(Graph& g, Scalar x, Scalar n) {
  const Scalar up = g.add(x, 1.0);
  return g.sub(g.lgamma(up), g.lgamma(g.sub(up, n)));
}
Scalar log_rising_factorial(Graph& g, Scalar x, Scalar n) {
  return g.sub(g.lgamma(g.add(x, n)), g.lgamma(x));
}
Scalar log_inv_logit_diff(Graph& g, Scalar x, Scalar y) {
  // log(1/(1+e^-x) - 1/(1+e^-y)) = x + log(1 - e^{y-x}) - log(1+e^x) - log(1+e^y)
  return g.sub(g.add(x, g.apply(Op::kLog1mExp, g.sub(y, x))),
               g.add(g.log1p_exp(x), g.log1p_exp(y)));
}
Scalar ldexp(Graph& g, Scalar x, Scalar k) { return g.mul(x, g.pow(2.0, k)); }
Scalar binary_log_loss(Graph& g, Scalar n, Scalar p) {
  if (n.is_constant()) return g.neg(n.constant() != 0 ? g.log(p) : g.log1m(p));
  return g.neg(g.select(n, g.log(p), g.log1m(p)));
}
Value lmgamma(const Call& call, Args args) {
  return broadcast_real(call, args[0], args[1], [&](Scalar k, Scalar x) {
    if (!k.is_constant()) call.fail("the dimension of `lmgamma` may not depend on parameters");
    const double n = k.constant();
    if (!(n >= 0 && n <= 1e6)) call.fail("the dimension of `lmgamma` is negative or too large");
    std::vector<Scalar> terms = {n * (n - 1) / 4 * std::log(std::numbers::pi)};
    for (double j = 1; j <= n; ++j)
      terms.push_back(call.graph.lgamma(call.graph.add(x, (1 - j) / 2)));
    return call.graph.sum(terms);
  });
}

/// x (x + step) ... with n factors; falling for step -1.
template <int step>
Value factorial(const Call& call, Args args) {
  Graph& g = call.graph;
  const bool is_int = args[0].type.base == BaseType::kInt;
  Value out = broadcast_real(call, args[0], args[1], [&](Scalar x, Scalar n) {
    constexpr double largest_product = 64;
    if (n.is_constant() && n.constant() >= 0 &&
        (n.constant() <= largest_product || x.is_constant())) {
      if (n.constant() > 1e4) return Scalar(std::numeric_limits<double>::infinity());
      Scalar product = 1.0;
      for (double k = 0; k < n.constant(); ++k) product = g.mul(product, g.add(x, step * k));
      return product;
    }
    return g.exp(step > 0 ? log_rising_factorial(g, x, n) : log_falling_factorial(g, x, n));
  });
  if (is_int) out.type.base = BaseType::kInt;
  return out;
}

Value choose(const Call& call, Args args) {
  Value out = broadcast_real(call, args[0], args[1], [&](Scalar n, Scalar k) {
    if (!n.is_constant() || !k.is_constant()) return call.graph.exp(lchoose(call.graph, n, k));
    const double total = n.constant();
    double picked = k.constant();
    if (picked < 0 || picked > total) return Scalar(0.0);
    picked = std::min(picked, total - picked);
    double r = 1;
    // Each division is exact: r is a binomial coefficient after it.
    for (double j = 1; j <= picked && r < 9e15; ++j) r = r * (total - picked + j) / j;
    if (r > 2147483647)
      call.fail("the result of `choose` does not fit an int (at most 2147483647)");
    return Scalar(std::round(r));
  });
  out.type.base = BaseType::kInt;
  return out;
}

// ---- three arguments

Value fma(const Call& call, Args args) {
  const Value product = broadcast_real(call, args[0], args[1],
                                       [&](Scalar a, Scalar b) { return call.graph.mul(a, b); });
  return broadcast_real(call, product, args[2],
                        [&](Scalar a, Scalar b) { return call.graph.add(a, b); });
}

Value log_mix(const Call& call, Args args) {
  Graph& g = call.graph;
  if (args.size() == 3)
    return Value::real(g.log_mix(args[0].scalar(), args[1].scalar(), args[2].scalar()));
  // Proportions, then the densities of the components; of an array of vectors, summed over the
  // array.
  const size_t n = args[0].elements.size();
  const size_t total = args[1].elements.size();
  if (n == 0 || total % n != 0 ||
      (args[1].dims.size() == 1 ? total != n : args[1].dims.back() != static_cast<int64_t>(n)))
    call.fail("the sizes of the arguments of `log_mix` do not match");
  std::vector<Scalar> sums;
  std::vector<Scalar> log_weights;
  for (const Scalar& p : args[0].elements) log_weights.push_back(g.log(p));
  for (size_t first = 0; first < total; first += n) {
    std::vector<Scalar> terms;
    for (size_t k = 0; k < n; ++k)
      terms.push_back(g.add(log_weights[k], args[1].elements[first + k]));
    sums.push_back(g.log_sum_exp(terms));
  }
  return Value::real(g.sum(sums));
}

Value inc_beta(const Call& call, Args args) {
  return Value::real(
      call.graph.apply(Op::kIncBeta, args[0].scalar(), args[1].scalar(), args[2].scalar()));
}
Value inv_inc_beta(const Call& call, Args args) {
  const auto value = [](const double* in) {
    return numeric::inc_beta_inverse(in[0], in[1], in[2]);
  };
  const auto partials = [](const double* in, double x, double* partial) {
    // x(a, b, p) with I_x(a, b) = p: dx = (dp - I_a da - I_b db) / I_x.
    double d[3];
    numeric::inc_beta_partials(in[0], in[1], x, d);
    partial[0] = -d[0] / d[2];
    partial[1] = -d[1] / d[2];
    partial[2] = 1 / d[2];
  };
  const Scalar inputs[] = {args[0].scalar(), args[1].scalar(), args[2].scalar()};
  return Value::real(
      call.graph.call(graph::scalar_function("inv_inc_beta", 3, value, partials), inputs)[0]);
}

// ---- student_t_qf(p, nu, mu, sigma)

Value student_t_qf(const Call& call, Args args) {
  size_t n = 1;
  Value out = Value::real(0.0);
  for (const Value& a : args) {
    if (a.is_scalar()) continue;
    if (!out.is_scalar() && a.elements.size() != n)
      call.fail("the sizes of the arguments of `student_t_qf` do not match");
    n = a.elements.size();
    out.type = Type::scalar(BaseType::kVector);
    out.dims = {static_cast<int64_t>(n)};
  }
  const auto value = [](const double* in) { return numeric::student_t_quantile(in[0], in[1]); };
  const auto partials = [](const double* in, double t, double* partial) {
    numeric::student_t_quantile_partials(in[0], in[1], t, partial);
  };
  const graph::ArrayFunctionPtr quantile =
      graph::scalar_function("student_t_quantile", 2, value, partials);
  Graph& g = call.graph;
  out.elements.clear();
  for (size_t k = 0; k < n; ++k) {
    const auto at = [&](size_t which) {
      return args[which].elements[args[which].is_scalar() ? 0 : k];
    };
    const Scalar inputs[] = {at(0), at(1)};
    out.elements.push_back(g.add(at(2), g.mul(at(3), g.call(quantile, inputs)[0])));
  }
  return out;
}

// ---- hypergeometric functions

/// pFq of parameters and argument, as one array function of all of them.
Scalar hypergeometric(const Call& call, std::vector<Scalar> a, const std::vector<Scalar>& b,
                      Scalar z) {
  const auto p = static_cast<int>(a.size());
  const auto q = static_cast<int>(b.size());
  if (p > numeric::kMaxHypergeometric || q > numeric::kMaxHypergeometric)
    call.fail("this hypergeometric function has more than 8 parameters in a list",
              source::DiagnosticKind::kNotCovered);
  // The counts travel as inputs, so that one function serves all.
  std::vector<Scalar> inputs = {static_cast<double>(p), static_cast<double>(q), z};
  inputs.insert(inputs.end(), a.begin(), a.end());
  inputs.insert(inputs.end(), b.begin(), b.end());
  const auto value = [](const double* in) {
    const auto m = static_cast<int>(in[0]);
    return numeric::hypergeometric(m, in + 3, static_cast<int>(in[1]), in + 3 + m, in[2], nullptr);
  };
  const auto partials = [](const double* in, double, double* partial) {
    const auto m = static_cast<int>(in[0]);
    partial[0] = partial[1] = 0;
    numeric::hypergeometric(m, in + 3, static_cast<int>(in[1]), in + 3 + m, in[2], partial + 2);
  };
  const std::string name = fmt::format("hypergeometric_{}F{}", p, q);
  return call.graph.call(
      graph::scalar_function(name, static_cast<int>(inputs.size()), value, partials), inputs)[0];
}
Value hypergeometric_1f0(const Call& call, Args args) {
  // (1 - z)^{-a}
  Graph& g = call.graph;
  return Value::real(g.exp(g.neg(g.mul(args[0].scalar(), g.log1m(args[1].scalar())))));
}
Value hypergeometric_2f1(const Call& call, Args args) {
  return Value::real(hypergeometric(call, {args[0].scalar(), args[1].scalar()}, {args[2].scalar()},
                                    args[3].scalar()));
}
Value hypergeometric_lists(const Call& call, Args args) {
  return Value::real(hypergeometric(call, args[0].elements, args[1].elements, args[2].scalar()));
}

// ---- operators by name, constants

template <Operator op>
Value operator_by_name(const Call& call, Args args) {
  return apply_binary(call, op, args[0], args[1]);
}
template <Operator op>
Value unary_by_name(const Call& call, Args args) {
  return apply_unary(call, op, args[0]);
}
constexpr double kConstants[] = {std::numbers::e,
                                 std::numeric_limits<double>::epsilon(),
                                 -std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::quiet_NaN(),
                                 std::numbers::pi,
                                 std::numeric_limits<double>::infinity(),
                                 kSqrt2};
template <int k>
Value constant(const Call&, Args) {
  return Value::real(kConstants[k]);
}

void add_unary(LibraryTable& table) {
  add_operation<Op::kStdNormalCdf>(table, "Phi");
  add_operation<Op::kCbrt>(table, "cbrt");
  add_operation<Op::kCeil>(table, "ceil");
  add_operation<Op::kDigamma>(table, "digamma");
  add_operation<Op::kErf>(table, "erf");
  add_operation<Op::kErfc>(table, "erfc");
  add_operation<Op::kExpm1>(table, "expm1");
  add_operation<Op::kFloor>(table, "floor");
  add_operation<Op::kInv>(table, "inv");
  add_operation<Op::kStdNormalQuantile>(table, "inv_Phi");
  add_operation<Op::kStdNormalQuantile>(table, "std_normal_qf");
  add_operation<Op::kInvLogit>(table, "inv_logit");
  add_operation<Op::kLgamma>(table, "lgamma");
  add_operation<Op::kLog1mExp>(table, "log1m_exp");
  add_operation<Op::kLog1p>(table, "log1p");
  add_operation<Op::kLog1pExp>(table, "log1p_exp");
  add_operation<Op::kRound>(table, "round");
  add_operation<Op::kSquare>(table, "square");
  add_operation<Op::kTrigamma>(table, "trigamma");
  add_operation<Op::kTrunc>(table, "trunc");
  add_operation<Op::kAcos>(table, "acos");
  add_operation<Op::kAcosh>(table, "acosh");
  add_operation<Op::kAsin>(table, "asin");
  add_operation<Op::kAsinh>(table, "asinh");
  add_operation<Op::kAtan>(table, "atan");
  add_operation<Op::kAtanh>(table, "atanh");
  add_operation<Op::kCos>(table, "cos");
  add_operation<Op::kCosh>(table, "cosh");
  add_operation<Op::kExp>(table, "exp");
  add_operation<Op::kLog>(table, "log");
  add_operation<Op::kSin>(table, "sin");
  add_operation<Op::kSinh>(table, "sinh");
  add_operation<Op::kSqrt>(table, "sqrt");
  add_operation<Op::kTan>(table, "tan");
  add_operation<Op::kTanh>(table, "tanh");
  table.add("fabs", abs_value);
  table.add("Phi_approx", unary<phi_approx>);
  table.add("exp2", unary<[](Graph& g, Scalar x) { return g.pow(2.0, x); }>);
  table.add("inv_cloglog",
            unary<[](Graph& g, Scalar x) { return g.neg(g.expm1(g.neg(g.exp(x)))); }>);
  table.add("cloglog", unary<[](Graph& g, Scalar x) { return g.log(g.neg(g.log1m(x))); }>);
  table.add("inv_erfc", unary<inv_erfc>);
  table.add("inv_sqrt", unary<[](Graph& g, Scalar x) { return g.inv(g.sqrt(x)); }>);
  table.add("inv_square", unary<[](Graph& g, Scalar x) { return g.inv(g.square(x)); }>);
  table.add("lambert_w0", unary<lambert_w0>);
  table.add("lambert_wm1", unary<lambert_wm1>);
  table.add("log1m", unary<[](Graph& g, Scalar x) { return g.log1m(x); }>);
  table.add("log1m_inv_logit", unary<[](Graph& g, Scalar x) { return g.neg(g.log1p_exp(x)); }>);
  table.add("log_inv_logit", unary<[](Graph& g, Scalar x) { return g.log_inv_logit(x); }>);
  table.add("logit", unary<[](Graph& g, Scalar x) { return g.logit(x); }>);
  table.add("std_normal_log_qf", unary<std_normal_log_qf>);
  table.add("tgamma", unary<tgamma>);
  table.add("step", unary<one_minus_less>);
  table.add("abs", abs_value);
  table.add("int_step", int_step);
  table.add("is_inf", is_inf);
  table.add("is_nan", is_nan);
  table.add("to_int", to_int);
  table.add("log2", [](const Call& call, Args args) {
    return args.empty() ? Value::real(kLog2) : unary<log2>(call, args);
  });
  table.add("log10", [](const Call& call, Args args) {
    return args.empty() ? Value::real(std::numbers::ln10) : unary<log10>(call, args);
  });
}

void add_binary_and_more(LibraryTable& table) {
  add_operation2<Op::kAtan2>(table, "atan2");
  add_operation2<Op::kFmax>(table, "fmax");
  add_operation2<Op::kFmin>(table, "fmin");
  add_operation2<Op::kFmod>(table, "fmod");
  add_operation2<Op::kHypot>(table, "hypot");
  add_operation2<Op::kLogDiffExp>(table, "log_diff_exp");
  add_operation2<Op::kLogBesselI>(table, "log_modified_bessel_first_kind");
  add_operation2<Op::kGammaP>(table, "gamma_p");
  add_operation2<Op::kGammaQ>(table, "gamma_q");
  add_operation2<Op::kOwensT>(table, "owens_t");
  add_operation2<Op::kBesselJ>(table, "bessel_first_kind");
  add_operation2<Op::kBesselY>(table, "bessel_second_kind");
  add_operation2<Op::kBesselI>(table, "modified_bessel_first_kind");
  add_operation2<Op::kBesselK>(table, "modified_bessel_second_kind");
  table.add("pow", pow);
  table.add("beta", binary<beta>);
  table.add("fdim", binary<fdim>);
  table.add("lbeta", binary<lbeta>);
  table.add("lchoose", binary<lchoose>);
  table.add("binomial_coefficient_log", binary<lchoose>);
  table.add("lmultiply", binary<lmultiply>);
  table.add("multiply_log", binary<lmultiply>);
  table.add("log_falling_factorial", binary<log_falling_factorial>);
  table.add("log_rising_factorial", binary<log_rising_factorial>);
  table.add("log_inv_logit_diff", binary<log_inv_logit_diff>);
  table.add("binary_log_loss", binary<binary_log_loss>);
  table.add("ldexp", binary<ldexp>);
  table.add("lmgamma", lmgamma);
  table.add("falling_factorial", factorial<-1>);
  table.add("rising_factorial", factorial<1>);
  table.add("choose", choose);
  table.add("fma", fma);
  table.add("log_mix", log_mix);
  table.add("inc_beta", inc_beta);
  table.add("inv_inc_beta", inv_inc_beta);
  table.add("student_t_qf", student_t_qf);
  table.add("hypergeometric_1F0", hypergeometric_1f0);
  table.add("hypergeometric_2F1", hypergeometric_2f1);
  table.add("hypergeometric_3F2", hypergeometric_lists);
  table.add("hypergeometric_pFq", hypergeometric_lists);
}

}  // namespace

void add_elementwise_functions(LibraryTable& table) {
  add_unary(table);
  add_binary_and_more(table);
  table.add("add", operator_by_name<Operator::kAdd>);
  table.add("subtract", operator_by_name<Operator::kSubtract>);
  table.add("elt_multiply", operator_by_name<Operator::kEltMultiply>);
  table.add("elt_divide", operator_by_name<Operator::kEltDivide>);
  table.add("multiply", operator_by_name<Operator::kMultiply>);
  table.add("divide", operator_by_name<Operator::kDivide>);
  table.add("modulus", operator_by_name<Operator::kModulo>);
  table.add("logical_and", operator_by_name<Operator::kAnd>);
  table.add("logical_or", operator_by_name<Operator::kOr>);
  table.add("logical_eq", operator_by_name<Operator::kEqual>);
  table.add("logical_neq", operator_by_name<Operator::kNotEqual>);
  table.add("logical_gt", operator_by_name<Operator::kGreater>);
  table.add("logical_gte", operator_by_name<Operator::kGreaterEqual>);
  table.add("logical_lt", operator_by_name<Operator::kLess>);
  table.add("logical_lte", operator_by_name<Operator::kLessEqual>);
  table.add("logical_negation", unary_by_name<Operator::kNot>);
  table.add("transpose", unary_by_name<Operator::kTranspose>);
  table.add("minus", unary_by_name<Operator::kNegate>);
  table.add("plus", unary_by_name<Operator::kPlus>);
  table.add("e", constant<0>);
  table.add("machine_precision", constant<1>);
  table.add("negative_infinity", constant<2>);
  table.add("not_a_number", constant<3>);
  table.add("pi", constant<4>);
  table.add("positive_infinity", constant<5>);
  table.add("sqrt2", constant<6>);
}

}  // namespace vinci::lower
