// Densities of simplexes, correlation matrices, covariance matrices and their Cholesky factors.
#include <fmt/format.h>

#include "lower/library/multivariate_densities.h"

namespace vinci::lower {

namespace {

/// (alpha - 1)' log theta + lgamma(sum alpha) - sum lgamma(alpha); vectors or arrays of vectors.
Value dirichlet(const Call& call, std::span<const Value> args) {
  const Value& theta = args[0];
  const Value& alpha = args[1];
  size_t count = 1;
  for (const Value* v : {&theta, &alpha}) {
    if (v->type.array_depth > 0) count = static_cast<size_t>(v->dims[0]);
  }
  const bool differ =
      theta.type.array_depth > 0 && alpha.type.array_depth > 0 && theta.dims[0] != alpha.dims[0];
  if (count == 0 && !differ) return Value::real(0.0);
  if (differ || theta.dims.back() != alpha.dims.back()) {
    call.fail(fmt::format("simplex and prior sample sizes of `{}` differ in size: {} and {}",
                          call.name, fmt::join(theta.dims, " x "), fmt::join(alpha.dims, " x ")),
              source::DiagnosticKind::kSize);
  }
  Density d(call);
  for (size_t i = 0; i < count; ++i) {
    const auto t = vector_of(theta, i);
    const auto a = vector_of(alpha, i);
    d.require_simplex(t, "simplex");
    for (size_t k = 0; k < a.size(); ++k) {
      const Expr a_k = d.expr(a[k]);
      d.require_positive(a_k, "prior sample size");
      d.add_product(a_k - 1.0, log(d.expr(t[k])));
      d -= lgamma(a_k);
    }
    d += lgamma(d.expr(call.graph.sum(a)));
  }
  return Value::real(d.total().scalar());
}

/// log of the integral of |R|^{eta - 1} over correlation matrices of k rows.
/// [Lewandowski, Kurowicka, Joe 2009, doi 10.1016/j.jmva.2009.04.008, eq. (16) with sec. 3]
Expr log_lkj_integral(size_t k, Expr eta) {
  std::vector<Scalar> parts;
  const auto last = static_cast<double>(k) - 1;
  double constant = 0;
  for (size_t j = 1; j < k; ++j) {
    const auto index = static_cast<double>(j);
    constant += 0.5 * index * kLogPi;
    parts.push_back(lgamma(eta + 0.5 * (last - index)).scalar());
  }
  return eta.of(eta.graph().sum(parts)) + constant - last * lgamma(eta + 0.5 * last);
}

Value lkj_corr(const Call& call, std::span<const Value> args) {
  Density d(call);
  const Expr eta = d.expr(args[1].scalar());
  d.require_positive(eta, "shape");
  const SquareMatrix r = square_argument(call, args[0], "correlation matrix");
  if (r.n == 0) return Value::real(0.0);
  for (size_t i = 0; i < r.n; ++i) {
    const Expr deviation = abs(d.expr(r.at(i, i)) - 1.0);
    if (deviation.is_constant() && deviation.constant() <= 1e-8) continue;
    d.require_non_negative(1e-8 - deviation, "1e-8 - |1 - diagonal| of the correlation matrix");
  }
  const SquareMatrix l = cholesky(d, r, "correlation matrix");
  d.add_product(eta - 1.0, log_diagonal(d, l), 2);
  d -= log_lkj_integral(r.n, eta);
  return Value::real(d.total().scalar());
}

/// As lkj_corr of L L', times the Jacobian of L -> L L': prod_k L_kk^{K - k}, k = 2..K.
Value lkj_corr_cholesky(const Call& call, std::span<const Value> args) {
  Density d(call);
  const Expr eta = d.expr(args[1].scalar());
  d.require_positive(eta, "shape");
  const SquareMatrix l = square_argument(call, args[0], "Cholesky factor");
  if (l.n == 0) return Value::real(0.0);
  require_cholesky_factor(d, l, "diagonal of the Cholesky factor");
  for (size_t k = 1; k < l.n; ++k) {
    const Expr log_l = log(d.expr(l.at(k, k)));
    d.add_product(2.0 * eta + (static_cast<double>(l.n - k - 1) - 2), log_l);
  }
  d -= log_lkj_integral(l.n, eta);
  return Value::real(d.total().scalar());
}

/// ||a^{-1} b||_F^2 of lower triangular a, b.
Expr squared_ratio(Density& d, const SquareMatrix& a, const SquareMatrix& b) {
  graph::Graph& g = d.call().graph;
  std::vector<std::vector<Scalar>> columns(a.n, std::vector<Scalar>(a.n, Scalar(0.0)));
  for (size_t j = 0; j < a.n; ++j) {
    for (size_t i = j; i < a.n; ++i) columns[j][i] = b.at(i, j);
  }
  std::vector<Scalar> squares = solve_lower_columns(g, a, columns);
  for (Scalar& z : squares) z = g.square(z);
  return d.expr(g.sum(squares));
}

enum class Form { kMatrix, kCholesky };

/// log density of W at degrees of freedom nu and scale S, of their factors: with G the ratio of
/// factors,
///   Wishart: -(nu k/2) log 2 - log Gamma_k(nu/2) + (nu - k - 1) log|L_W| - nu log|L_S| -
///   ||L_S^{-1} L_W||^2/2, inverse: the same with  -(nu + k + 1) log|L_W| + nu log|L_S| -
///   ||L_W^{-1} L_S||^2/2.
/// Of a factor as the outcome, times the Jacobian 2^k prod_j L_jj^{k - j + 1} of L -> L L'.
template <Form kForm, bool kInverse>
Value wishart(const Call& call, std::span<const Value> args) {
  Density d(call);
  const Expr nu = d.expr(args[1].scalar());
  SquareMatrix w = square_argument(call, args[0], "outcome");
  SquareMatrix s = square_argument(call, args[2], "scale");
  if (w.n != s.n) {
    call.fail(fmt::format("outcome and scale of `{}` have {} and {} rows; sizes must agree",
                          call.name, w.n, s.n),
              source::DiagnosticKind::kSize);
  }
  if (w.n == 0) return Value::real(0.0);
  const auto k = static_cast<double>(w.n);
  d.require_positive(nu - (k - 1), "degrees of freedom - number of rows + 1");
  if constexpr (kForm == Form::kMatrix) {
    w = cholesky(d, w, "outcome");
    s = cholesky(d, s, "scale");
  } else {
    require_cholesky_factor(d, w, "diagonal of the outcome");
    require_cholesky_factor(d, s, "diagonal of the scale");
    d += k * std::numbers::ln2;
    for (size_t j = 0; j < w.n; ++j) {
      d.add(static_cast<double>(w.n - j), log(d.expr(w.at(j, j))));
    }
  }
  const Expr log_w = log_diagonal(d, w);
  const Expr log_s = log_diagonal(d, s);
  d.add(-0.5 * k * std::numbers::ln2, nu);
  d -= log_multivariate_gamma(w.n, 0.5 * nu);
  if constexpr (kInverse) {
    d.add_product(nu + (k + 1), log_w, -1);
    d.add_product(nu, log_s);
    d.add(-0.5, squared_ratio(d, w, s));
  } else {
    d.add_product(nu - (k + 1), log_w);
    d.add_product(nu, log_s, -1);
    d.add(-0.5, squared_ratio(d, s, w));
  }
  return Value::real(d.total().scalar());
}

}  // namespace

void add_matrix_densities(LibraryTable& table) {
  add_density_names(table, "dirichlet", dirichlet);
  add_density_names(table, "lkj_corr", lkj_corr);
  add_density_names(table, "lkj_corr_cholesky", lkj_corr_cholesky);
  add_density_names(table, "wishart", wishart<Form::kMatrix, false>);
  add_density_names(table, "wishart_cholesky", wishart<Form::kCholesky, false>);
  add_density_names(table, "inv_wishart", wishart<Form::kMatrix, true>);
  add_density_names(table, "inv_wishart_cholesky", wishart<Form::kCholesky, true>);
}

}  // namespace vinci::lower
