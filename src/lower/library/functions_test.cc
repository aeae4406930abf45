// Rows of elementwise functions, linear algebra, complex numbers and functions of functions: values
// against independent ones, gradients against differences, shapes, faults.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "lower/library.h"

namespace vinci::lower {
namespace {

using Numbers = std::vector<double>;
using Invoke = std::function<Value(graph::Graph&, std::vector<Value>)>;

std::vector<Scalar> scalars(const Numbers& x) { return {x.begin(), x.end()}; }
Value real(double x) { return Value::real(x); }
Value integer(double x) { return Value::integer(x); }
Value vector(const Numbers& x) { return Value::vector(scalars(x)); }
Value matrix(int64_t rows, int64_t cols, const Numbers& x) {
  return Value::matrix(rows, cols, scalars(x));
}
Value complex(std::complex<double> z) {
  Value v;
  v.type = Type::scalar(BaseType::kComplex);
  v.elements = {z.real(), z.imag()};
  return v;
}
Value function() {
  Value v;
  v.type = Type::scalar(BaseType::kFunction);
  return v;
}

Value call_row(graph::Graph& graph, const std::string& name, const std::vector<Value>& args,
               const Invoke& invoke = {}) {
  const LibraryFunction f = LibraryTable::instance().find(name);
  if (f == nullptr) {
    ADD_FAILURE() << "no row " << name;
    return real(0);
  }
  Call call{graph, nullptr, {}, name, {}, nullptr};
  if (invoke)
    call.invoke = [&](const Value&, std::vector<Value> a) {
      return invoke(call.graph, std::move(a));
    };
  return f(call, args);
}
Numbers constants(const Value& v) {
  Numbers out;
  for (const Scalar& s : v.elements) {
    EXPECT_TRUE(s.is_constant());
    out.push_back(s.constant());
  }
  for (const Value& m : v.members)
    for (double x : constants(m)) out.push_back(x);
  return out;
}
Numbers value_of(const std::string& name, const std::vector<Value>& args,
                 const Invoke& invoke = {}) {
  graph::Graph graph;
  return constants(call_row(graph, name, args, invoke));
}
void expect_value(const std::string& name, const std::vector<Value>& args, const Numbers& want,
                  double tolerance = 1e-12) {
  const Numbers got = value_of(name, args);
  ASSERT_EQ(got.size(), want.size()) << name;
  for (size_t k = 0; k < got.size(); ++k)
    EXPECT_NEAR(got[k], want[k], tolerance * std::max(1.0, std::abs(want[k])))
        << name << " element " << k;
}

void collect(const Value& v, std::vector<Scalar>& out) {
  out.insert(out.end(), v.elements.begin(), v.elements.end());
  for (const Value& m : v.members) collect(m, out);
}
/// All real numbers of the arguments become parameters; the weighted sum of the results is
/// differentiated at their values. The value at the parameters has to be that at the constants.
void expect_gradient(const std::string& name, const std::vector<Value>& args,
                     const Invoke& invoke = {}, double tolerance = 2e-6,
                     bool compare_value = true) {
  graph::Graph graph;
  std::vector<Value> symbolic = args;
  Numbers point;
  for (Value& v : symbolic) {
    if (v.type.base == BaseType::kInt || v.type.base == BaseType::kFunction) continue;
    for (Scalar& s : v.elements) {
      point.push_back(s.constant());
      s = graph.parameter(static_cast<int>(point.size()) - 1);
    }
  }
  std::vector<Scalar> results;
  collect(call_row(graph, name, symbolic, invoke), results);
  std::vector<Scalar> terms;
  double want = 0;
  const Numbers direct =
      compare_value ? value_of(name, args, invoke) : Numbers(results.size(), 0.0);
  ASSERT_EQ(direct.size(), results.size()) << name;
  for (size_t k = 0; k < results.size(); ++k) {
    const double weight = std::cos(1.0 + 2.0 * static_cast<double>(k));
    terms.push_back(graph.mul(weight, results[k]));
    want += weight * direct[k];
  }
  graph.add_term(graph.sum(terms), {});
  const graph::ReferenceResult at = graph::reference_evaluate(graph, point);
  if (compare_value) {
    EXPECT_NEAR(at.log_density, want, 1e-9 * std::max(1.0, std::abs(want))) << name;
  }
  for (size_t k = 0; k < point.size(); ++k) {
    const double h = 1e-4 * std::max(1.0, std::abs(point[k]));
    const auto value = [&](double offset) {
      Numbers moved = point;
      moved[k] += offset;
      return graph::reference_evaluate(graph, moved).log_density;
    };
    const double slope = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
    EXPECT_NEAR(at.gradient[k], slope, tolerance * std::max(1.0, std::abs(slope)))
        << name << " derivative " << k;
  }
}

TEST(Elementwise, UnaryFunctions) {
  const struct {
    const char* name;
    double x, want;
  } rows[] = {{"exp", 0.3, std::exp(0.3)},
              {"log", 0.3, std::log(0.3)},
              {"log2", 0.3, std::log2(0.3)},
              {"log10", 0.3, std::log10(0.3)},
              {"log1m", 0.3, std::log(0.7)},
              {"exp2", 0.3, std::exp2(0.3)},
              {"inv", 0.3, 1 / 0.3},
              {"inv_sqrt", 0.3, 1 / std::sqrt(0.3)},
              {"inv_square", 0.3, 1 / 0.09},
              {"inv_logit", 0.3, 1 / (1 + std::exp(-0.3))},
              {"logit", 0.3, std::log(0.3 / 0.7)},
              {"log_inv_logit", 0.3, -std::log1p(std::exp(-0.3))},
              {"log1m_inv_logit", 0.3, -std::log1p(std::exp(0.3))},
              {"inv_cloglog", 0.3, 1 - std::exp(-std::exp(0.3))},
              {"log1m_exp", -0.3, std::log(1 - std::exp(-0.3))},
              {"tgamma", 3.4, std::tgamma(3.4)},
              {"lgamma", 3.4, std::lgamma(3.4)},
              {"inv_erfc", 0.3, 0.7328690779592167},
              {"std_normal_qf", 0.3, -0.5244005127080407},
              {"std_normal_log_qf", std::log(0.3), -0.5244005127080407},
              {"Phi", 0.3, 0.6179114221889526},
              {"Phi_approx", 0.3, 1 / (1 + std::exp(-(0.07056 * 0.027 + 1.5976 * 0.3)))},
              {"lambert_w0", 0.3, 0.23675531078855930},
              {"lambert_wm1", -0.3, -1.7813370234216276},
              {"cbrt", 0.3, std::cbrt(0.3)},
              {"acosh", 1.3, std::acosh(1.3)},
              {"erfc", 0.3, std::erfc(0.3)}};
  for (const auto& row : rows) {
    expect_value(row.name, {real(row.x)}, {row.want});
    expect_value(row.name, {vector({row.x, row.x})}, {row.want, row.want});
    expect_gradient(row.name, {real(row.x)});
  }
  expect_value("step", {real(-0.1)}, {0});
  expect_value("step", {real(0)}, {1});
  expect_value("int_step", {real(0)}, {0});
  expect_value("is_nan", {real(std::nan(""))}, {1});
  expect_value("is_inf", {real(-std::numeric_limits<double>::infinity())}, {1});
  expect_value("to_int", {real(-2.7)}, {-2});
  expect_value("abs", {integer(-2)}, {2});
  expect_value("pi", {}, {M_PI});
  expect_value("log2", {}, {std::log(2.0)});
}

TEST(Elementwise, BinaryAndMore) {
  expect_value("lbeta", {real(2), real(3)}, {std::log(1.0 / 12)});
  expect_value("choose", {integer(10), integer(3)}, {120});
  expect_value("choose", {integer(3), integer(5)}, {0});
  expect_value("falling_factorial", {real(4.5), integer(3)}, {4.5 * 3.5 * 2.5});
  expect_value("rising_factorial", {integer(4), integer(3)}, {4 * 5 * 6});
  expect_value("lmultiply", {real(0), real(0)}, {0});
  expect_value("log_inv_logit_diff", {real(1), real(-0.5)},
               {std::log(1 / (1 + std::exp(-1.0)) - 1 / (1 + std::exp(0.5)))});
  expect_value("log_mix", {vector({0.3, 0.7}), vector({-1, -2})},
               {std::log(0.3 * std::exp(-1) + 0.7 * std::exp(-2))});
  expect_value("hypergeometric_2F1", {real(1), real(1), real(2), real(-0.5)},
               {std::log(1.5) / 0.5});
  expect_value("hypergeometric_2F1", {real(1), real(1), real(2), real(0.5)},
               {-std::log(0.5) / 0.5});
  expect_value("student_t_qf", {real(0.75), real(1), real(1), real(2)}, {3});
  const std::vector<std::pair<const char*, std::vector<Value>>> differentiable = {
      {"beta", {real(2.3), real(1.4)}},
      {"lchoose", {real(7.3), real(2.2)}},
      {"fdim", {real(2.3), real(1.4)}},
      {"log_falling_factorial", {real(7.3), real(2.2)}},
      {"log_rising_factorial", {real(7.3), real(2.2)}},
      {"log_inv_logit_diff", {real(2.3), real(1.4)}},
      {"log_diff_exp", {real(2.3), real(1.4)}},
      {"gamma_p", {real(2.3), real(1.4)}},
      {"gamma_q", {real(2.3), real(9.4)}},
      {"owens_t", {real(2.3), real(1.4)}},
      {"pow", {real(2.3), vector({1.4, -0.3})}},
      {"binary_log_loss", {integer(1), real(0.4)}},
      {"lmgamma", {integer(3), real(4.4)}},
      {"modified_bessel_first_kind", {integer(2), real(1.4)}},
      {"fma", {vector({1, 2}), real(3), vector({4, 5})}},
      {"log_mix", {real(0.3), real(-1), real(-2)}},
      {"log_mix", {vector({0.3, 0.7}), vector({-1, -2})}},
      {"inc_beta", {real(2.3), real(1.4), real(0.3)}},
      {"inv_inc_beta", {real(2.3), real(1.4), real(0.3)}},
      {"student_t_qf", {real(0.3), real(4), real(0.5), real(2)}},
      {"hypergeometric_2F1", {real(0.7), real(1.2), real(2.3), real(-1.5)}},
      {"hypergeometric_2F1", {real(0.7), real(1.2), real(2.3), real(0.4)}},
      {"hypergeometric_1F0", {real(0.7), real(0.4)}},
      {"hypergeometric_pFq", {vector({0.7}), vector({1.2, 1.9}), real(1.4)}}};
  for (const auto& [name, args] : differentiable) expect_gradient(name, args);
  graph::Graph graph;
  EXPECT_THROW(call_row(graph, "fmax", {vector({1, 2}), vector({1, 2, 3})}), TraceError);
}

const Numbers kSpd = {4, 1, 0.5, 0.2, 1, 3, 0.3, 0.1, 0.5, 0.3, 2, 0.4, 0.2, 0.1, 0.4, 1.5};
const Numbers kGeneral = {1.2, -0.4, 0.3, 0.5, 1.7, -0.8, 0.2, 0.1, 2.1};

TEST(LinearAlgebra, ValuesByDefinition) {
  // L L' = A, A A^{-1} = I, A x = b, ...
  for (int64_t n : {2, 4}) {
    Numbers a;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) a.push_back(kSpd[static_cast<size_t>(i * 4 + j)]);
    Numbers eye(static_cast<size_t>(n * n), 0.0);
    for (int64_t i = 0; i < n; ++i) eye[static_cast<size_t>(i * n + i)] = 1;
    const Value am = matrix(n, n, a);
    const Numbers l = value_of("cholesky_decompose", {am});
    expect_value("tcrossprod", {matrix(n, n, l)}, a);
    expect_value("multiply_lower_tri_self_transpose", {matrix(n, n, l)}, a);
    for (const char* inverse : {"inverse", "inverse_spd", "generalized_inverse"})
      expect_value("multiply", {am, matrix(n, n, value_of(inverse, {am}))}, eye);
    expect_value("multiply", {am, matrix(n, n, value_of("chol2inv", {matrix(n, n, l)}))}, eye);
    const Value b = matrix(n, 2, Numbers(static_cast<size_t>(2 * n), 0.7));
    for (const char* solve : {"mdivide_left", "mdivide_left_spd"})
      expect_value("multiply", {am, matrix(n, 2, value_of(solve, {am, b}))},
                   Numbers(static_cast<size_t>(2 * n), 0.7));
    const Value w = Value::row_vector(scalars(Numbers(static_cast<size_t>(n), 0.7)));
    for (const char* solve : {"mdivide_right", "mdivide_right_spd"}) {
      const Value x = Value::row_vector(scalars(value_of(solve, {w, am})));
      expect_value("multiply", {x, am}, Numbers(static_cast<size_t>(n), 0.7));
    }
    const Value lm = matrix(n, n, l);
    expect_value("multiply", {lm, matrix(n, 2, value_of("mdivide_left_tri_low", {lm, b}))},
                 Numbers(static_cast<size_t>(2 * n), 0.7));
    const Value x = Value::row_vector(scalars(value_of("mdivide_right_tri_low", {w, lm})));
    expect_value("multiply", {x, lm}, Numbers(static_cast<size_t>(n), 0.7));
    EXPECT_NEAR(value_of("log_determinant", {am})[0], std::log(value_of("determinant", {am})[0]),
                1e-12);
    EXPECT_NEAR(value_of("log_determinant_spd", {am})[0], value_of("log_determinant", {am})[0],
                1e-12);
    expect_value("matrix_power", {am, integer(2)}, value_of("multiply", {am, am}));
  }
  const Value tall = matrix(3, 2, {1, 2, 3, 4, 5, 7});
  for (const Value& m : {tall, matrix(2, 3, {1, 2, 3, 4, 5, 7})}) {
    const int64_t k = 2;
    const Value q = matrix(m.dims[0], k, value_of("qr_thin_Q", {m}));
    const Value r = matrix(k, m.dims[1], value_of("qr_thin_R", {m}));
    expect_value("multiply", {q, r}, constants(m));
  }
  expect_value("multiply",
               {matrix(3, 3, value_of("qr_Q", {tall})), matrix(3, 2, value_of("qr_R", {tall}))},
               constants(tall));
  expect_value("quad_form", {matrix(2, 2, {2, 1, 0, 3}), vector({1, 2})}, {2 + 2 + 12});
  expect_value("trace_quad_form", {matrix(2, 2, {2, 1, 0, 3}), vector({1, 2})}, {2 + 2 + 12});
  expect_value("add_diag", {matrix(2, 2, {1, 2, 3, 4}), vector({10, 20})}, {11, 2, 3, 24});
  expect_value("diag_pre_multiply", {vector({10, 20}), matrix(2, 2, {1, 2, 3, 4})},
               {10, 20, 60, 80});
  expect_value("diag_post_multiply", {matrix(2, 2, {1, 2, 3, 4}), vector({10, 20})},
               {10, 40, 30, 80});
  expect_value("csr_extract", {matrix(2, 3, {0, 5, 0, 6, 0, 7})}, {5, 6, 7, 2, 1, 3, 1, 2, 4});
  const Value u = Value::array(BaseType::kInt, scalars({1, 2, 4}));
  const Value v = Value::array(BaseType::kInt, scalars({2, 1, 3}));
  expect_value("csr_to_dense_matrix", {integer(2), integer(3), vector({5, 6, 7}), v, u},
               {0, 5, 0, 6, 0, 7});
  expect_value("csr_matrix_times_vector",
               {integer(2), integer(3), vector({5, 6, 7}), v, u, vector({1, 10, 100})}, {50, 706});
  expect_value("eigenvalues_sym", {matrix(2, 2, {2, 1, 1, 2})}, {1, 3});
  expect_value("eigenvalues", {matrix(2, 2, {0, -1, 1, 0})}, {0, 1, 0, -1});
  expect_value("singular_values", {matrix(2, 2, {3, 0, 0, -4})}, {4, 3});
}

TEST(LinearAlgebra, Gradients) {
  for (int64_t n : {2, 4}) {
    Numbers a;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) a.push_back(kSpd[static_cast<size_t>(i * 4 + j)]);
    const Value am = matrix(n, n, a);
    const Value b = vector(Numbers(a.begin(), a.begin() + n));
    for (const char* name : {"cholesky_decompose", "inverse_spd", "inverse", "determinant",
                             "log_determinant", "log_determinant_spd", "eigenvalues_sym",
                             "eigenvectors_sym", "matrix_exp", "tcrossprod", "chol2inv"})
      expect_gradient(name, {am}, {}, 1e-5);
    for (const char* name : {"mdivide_left", "mdivide_left_spd", "mdivide_left_tri_low",
                             "quad_form", "quad_form_diag", "trace_quad_form"})
      expect_gradient(name, {am, b}, {}, 1e-5);
    const Value w = Value::row_vector(b.elements);
    for (const char* name : {"mdivide_right", "mdivide_right_spd", "mdivide_right_tri_low"})
      expect_gradient(name, {w, am}, {}, 1e-5);
  }
  const Value m = matrix(3, 3, kGeneral);
  for (const char* name :
       {"svd_U", "svd_V", "singular_values", "qr_thin_Q", "qr_thin_R", "generalized_inverse"})
    expect_gradient(name, {m}, {}, 1e-5);
  expect_gradient("trace_gen_quad_form", {m, m, m});
  expect_gradient(
      "csr_matrix_times_vector",
      {integer(2), integer(3), vector({5, 6, 7}), Value::array(BaseType::kInt, scalars({2, 1, 3})),
       Value::array(BaseType::kInt, scalars({1, 2, 4})), vector({1, 10, 100})});
}

TEST(LinearAlgebra, GaussianProcesses) {
  const Value x = Value::array(BaseType::kReal, scalars({0.1, 0.7, 2.0}));
  const double r = 0.6 / 1.3;
  const double s2 = 0.8 * 0.8;
  const auto second = [&](const std::string& name) {
    return value_of(name, {x, real(0.8), real(1.3)})[1];
  };
  EXPECT_NEAR(second("gp_exp_quad_cov"), s2 * std::exp(-0.5 * r * r), 1e-14);
  EXPECT_NEAR(second("gp_exponential_cov"), s2 * std::exp(-r), 1e-14);
  EXPECT_NEAR(second("gp_matern32_cov"),
              s2 * (1 + std::sqrt(3.0) * r) * std::exp(-std::sqrt(3.0) * r), 1e-14);
  EXPECT_NEAR(second("gp_matern52_cov"),
              s2 * (1 + std::sqrt(5.0) * r + 5 * r * r / 3) * std::exp(-std::sqrt(5.0) * r), 1e-14);
  EXPECT_NEAR(value_of("gp_periodic_cov", {x, real(0.8), real(1.3), real(2)})[1],
              s2 * std::exp(-2 * std::pow(std::sin(M_PI * 0.6 / 2) / 1.3, 2)), 1e-14);
  EXPECT_NEAR(value_of("gp_dot_prod_cov", {x, real(0.8)})[1], s2 + 0.07, 1e-14);
  for (const char* name :
       {"gp_exp_quad_cov", "gp_exponential_cov", "gp_matern32_cov", "gp_matern52_cov"}) {
    expect_gradient(name, {x, real(0.8), real(1.3)});
    expect_gradient(name, {x, Value::array(BaseType::kReal, scalars({0.3})), real(0.8), real(1.3)});
    Value points;
    points.type = Type::array(BaseType::kVector, 1);
    points.dims = {2, 2};
    points.elements = scalars({0.1, 0.2, 0.5, -0.3});
    expect_gradient(name, {points, real(0.8), Value::array(BaseType::kReal, scalars({1.3, 0.6}))});
  }
  expect_gradient("gp_periodic_cov", {x, real(0.8), real(1.3), real(2)});
}

TEST(LinearAlgebra, Faults) {
  graph::Graph graph;
  EXPECT_THROW(call_row(graph, "cholesky_decompose", {matrix(2, 2, {1, 2, 2, 1})}), TraceError);
  EXPECT_THROW(call_row(graph, "inverse", {matrix(2, 3, {1, 2, 2, 1, 0, 0})}), TraceError);
  EXPECT_THROW(call_row(graph, "inverse", {matrix(2, 2, {1, 2, 2, 4})}), TraceError);
  EXPECT_THROW(
      call_row(graph, "mdivide_left_tri_low", {matrix(2, 2, {1, 0, 2, 1}), vector({1, 2, 3})}),
      TraceError);
  const Value u = Value::array(BaseType::kInt, scalars({1, 5}));
  EXPECT_THROW(call_row(graph, "csr_to_dense_matrix",
                        {integer(1), integer(1), vector({5}),
                         Value::array(BaseType::kInt, scalars({1})), u}),
               TraceError);
}

TEST(Complex, FunctionsAgreeWithTheStandardLibrary) {
  using C = std::complex<double>;
  const std::pair<const char*, C (*)(const C&)> rows[] = {
      {"exp", std::exp},     {"log", std::log},     {"sqrt", std::sqrt},   {"sin", std::sin},
      {"cos", std::cos},     {"tan", std::tan},     {"sinh", std::sinh},   {"cosh", std::cosh},
      {"tanh", std::tanh},   {"asin", std::asin},   {"acos", std::acos},   {"atan", std::atan},
      {"asinh", std::asinh}, {"acosh", std::acosh}, {"atanh", std::atanh}, {"log10", std::log10}};
  for (const auto& [name, f] : rows)
    for (C z : {C(0.3, 0.4), C(-0.6, 0.2), C(0.5, -0.7)}) {
      const C want = f(z);
      expect_value(name, {complex(z)}, {want.real(), want.imag()});
      expect_gradient(name, {complex(z)});  // also that the symbolic formula has the same value
    }
  expect_gradient("pow", {complex({0.3, 0.4}), complex({1.2, -0.5})});
  expect_gradient("abs", {complex({0.3, 0.4})});
  expect_gradient("arg", {complex({0.3, 0.4})});
  expect_value("norm", {complex({3, 4})}, {25});
  Value z;
  z.type = Type::scalar(BaseType::kComplexVector);
  z.dims = {4};
  z.elements = scalars({1, 0, 2, 1, 0, -1, 3, 0.5});
  Value transformed = z;
  transformed.elements = scalars(value_of("fft", {z}));
  EXPECT_NEAR(transformed.elements[0].constant(), 6, 1e-14);
  expect_value("inv_fft", {transformed}, constants(z));
}

TEST(HigherOrder, OdeOfAUserFunction) {
  // y' = -k y, with a data argument that stays constant
  const Invoke decay = [](graph::Graph& g, std::vector<Value> a) {
    return Value::vector({g.neg(g.mul(g.mul(a[2].scalar(), a[3].scalar()), a[1].elements[0]))});
  };
  const Value times = Value::array(BaseType::kReal, scalars({1, 2}));
  for (const char* name : {"ode_rk45", "ode_adams", "ode_bdf"}) {
    const std::vector<Value> args = {function(), vector({2}), real(0),
                                     times,      real(0.7),   integer(1)};
    const Numbers y = value_of(name, args, decay);
    EXPECT_NEAR(y[0], 2 * std::exp(-0.7), 1e-5) << name;
    EXPECT_NEAR(y[1], 2 * std::exp(-1.4), 1e-5) << name;
    expect_gradient(name, args, decay, 1e-3);
  }
  graph::Graph graph;
  const Value backwards = Value::array(BaseType::kReal, scalars({2, 1}));
  EXPECT_THROW(
      call_row(graph, "ode_rk45",
               {function(), vector({2}), real(0), backwards, real(0.7), integer(1)}, decay),
      TraceError);
  const Invoke wrong = [](graph::Graph&, std::vector<Value>) { return Value::vector({1.0, 2.0}); };
  EXPECT_THROW(call_row(graph, "ode_rk45", {function(), vector({2}), real(0), times}, wrong),
               TraceError);
}

TEST(HigherOrder, OlderOdeFunctions) {
  const Invoke decay = [](graph::Graph& g, std::vector<Value> a) {
    return Value::array(BaseType::kReal, {g.neg(g.mul(a[2].elements[0], a[1].elements[0]))});
  };
  const Value none = Value::array(BaseType::kReal, {});
  const Value y = Value::array(BaseType::kReal, scalars({2}));
  const Value times = Value::array(BaseType::kReal, scalars({1}));
  const Value theta = Value::array(BaseType::kReal, scalars({0.7}));
  for (const char* name : {"integrate_ode_rk45", "integrate_ode_bdf"})
    EXPECT_NEAR(value_of(name, {function(), y, real(0), times, theta, none, none}, decay)[0],
                2 * std::exp(-0.7), 1e-5);
}

TEST(HigherOrder, Roots) {
  const Invoke square = [](graph::Graph& g, std::vector<Value> a) {
    return Value::vector({g.sub(g.square(a[0].elements[0]), a[1].scalar())});
  };
  for (const char* name : {"solve_newton", "solve_powell"}) {
    EXPECT_NEAR(value_of(name, {function(), vector({1}), real(3)}, square)[0], std::sqrt(3.0),
                1e-10);
    graph::Graph graph;
    const Scalar p = graph.parameter(0);
    graph.add_term(
        call_row(graph, name, {function(), vector({1}), Value::real(p)}, square).elements[0], {});
    const Numbers point = {3};
    EXPECT_NEAR(graph::reference_evaluate(graph, point).gradient[0], 0.5 / std::sqrt(3.0), 1e-9);
    EXPECT_THROW(call_row(graph, name, {function(), vector({1}), real(-3)}, square), TraceError);
  }
}

TEST(HigherOrder, Integrals) {
  const Value none = Value::array(BaseType::kReal, {});
  const Value theta = Value::array(BaseType::kReal, scalars({0.8}));
  const double inf = std::numeric_limits<double>::infinity();
  const Invoke bell = [](graph::Graph& g, std::vector<Value> a) {
    return Value::real(g.exp(g.neg(g.mul(a[2].elements[0], g.square(a[0].scalar())))));
  };
  EXPECT_NEAR(
      value_of("integrate_1d", {function(), real(-inf), real(inf), theta, none, none}, bell)[0],
      std::sqrt(M_PI / 0.8), 1e-9);
  EXPECT_NEAR(
      value_of("integrate_1d", {function(), real(0), real(inf), theta, none, none}, bell)[0],
      std::sqrt(M_PI / 0.8) / 2, 1e-9);
  EXPECT_NEAR(
      value_of("integrate_1d", {function(), real(-inf), real(0), theta, none, none}, bell)[0],
      std::sqrt(M_PI / 0.8) / 2, 1e-9);
  expect_gradient("integrate_1d", {function(), real(0.2), real(1.5), theta, none, none}, bell);
  // A singular derivative at the limit, and x put together again from its distance to the nearer
  // limit.
  const Invoke root = [](graph::Graph& g, std::vector<Value> a) {
    return Value::real(g.sqrt(a[0].scalar()));
  };
  EXPECT_NEAR(value_of("integrate_1d", {function(), real(0), real(2), theta, none, none}, root)[0],
              2.0 / 3 * std::pow(2, 1.5), 1e-9);
  const Invoke from_distance = [](graph::Graph&, std::vector<Value> a) {
    const double distance = a[1].scalar().constant();
    EXPECT_NEAR(distance < 0 ? -distance : 2 - distance, a[0].scalar().constant(), 1e-12);
    return Value::real(distance < 0 ? -distance : 2 - distance);
  };
  EXPECT_NEAR(
      value_of("integrate_1d", {function(), real(0), real(2), theta, none, none}, from_distance)[0],
      2, 1e-9);
  graph::Graph graph;
  EXPECT_THROW(
      call_row(graph, "integrate_1d", {function(), real(1), real(0), theta, none, none}, bell),
      TraceError);
}

TEST(HigherOrder, SumsAndMaps) {
  const Invoke total = [](graph::Graph& g, std::vector<Value> a) {
    EXPECT_EQ(a[1].scalar().constant(), 1);
    EXPECT_EQ(a[2].scalar().constant(), 3);
    return Value::real(g.mul(g.sum(a[0].elements), a[3].scalar()));
  };
  const Value x = Value::array(BaseType::kReal, scalars({1, 2, 3}));
  EXPECT_EQ(value_of("reduce_sum", {function(), x, integer(1), real(2)}, total)[0], 12);
  EXPECT_EQ(
      value_of("reduce_sum", {function(), Value::array(BaseType::kReal, {}), integer(1), real(2)},
               total)[0],
      0);
  Value jobs, data, counts;
  jobs.type = Type::array(BaseType::kVector, 1);
  jobs.dims = {2, 1};
  jobs.elements = scalars({1, 2});
  data.type = Type::array(BaseType::kReal, 2);
  data.dims = {2, 1};
  data.elements = scalars({10, 20});
  counts.type = Type::array(BaseType::kInt, 2);
  counts.dims = {2, 0};
  const Invoke job = [](graph::Graph& g, std::vector<Value> a) {
    return Value::vector({g.add(a[0].elements[0], g.mul(a[1].elements[0], a[2].elements[0])), 1.0});
  };
  const Numbers r = value_of("map_rect", {function(), vector({0.5}), jobs, data, counts}, job);
  EXPECT_EQ(r, (Numbers{10.5, 1, 40.5, 1}));
}

}  // namespace
}  // namespace vinci::lower
