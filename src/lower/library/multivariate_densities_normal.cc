// Multivariate normal and Student-t densities of vectors or arrays of vectors with a common scale
// matrix, which is factored once; Gaussian processes as their scaled rows.
#include <fmt/format.h>

#include "lower/library/multivariate_densities.h"

namespace vinci::lower {

namespace {

enum class Scale { kCovariance, kPrecision, kCholesky };

/// A factor of the covariance Sigma or the precision Omega.
struct Factor {
  Scale scale;
  SquareMatrix l;

  /// log |Sigma|^{-1/2}.
  Expr log_height(Density& d) const {
    const Expr log_l = log_diagonal(d, l);
    return scale == Scale::kPrecision ? log_l : -log_l;
  }

  /// r' Sigma^{-1} r of each residual: the squared norm of L^{-1} r, or of L' r where L L' is the
  /// precision.
  std::vector<Expr> quadratic_forms(Density& d,
                                    const std::vector<std::vector<Scalar>>& residuals) const {
    graph::Graph& g = d.call().graph;
    std::vector<Scalar> z;  // one residual after the other
    if (scale == Scale::kPrecision) {
      for (const std::vector<Scalar>& r : residuals) {
        for (size_t j = 0; j < l.n; ++j) {
          std::vector<Scalar> column;
          for (size_t i = j; i < l.n; ++i) column.push_back(l.at(i, j));
          z.push_back(g.dot(column, std::span(r).subspan(j)));
        }
      }
    } else {
      z = solve_lower_columns(g, l, residuals);
    }
    for (Scalar& s : z) s = g.square(s);
    std::vector<Expr> forms;
    for (size_t i = 0; i < residuals.size(); ++i) {
      forms.push_back(d.expr(g.sum(std::span(z).subspan(i * l.n, l.n))));
    }
    return forms;
  }
};

Factor factor_of(Density& d, const Value& matrix, Scale scale) {
  switch (scale) {
    case Scale::kCovariance:
      return {scale, cholesky(d, square_argument(d.call(), matrix, "covariance"), "covariance")};
    case Scale::kPrecision:
      return {scale, cholesky(d, square_argument(d.call(), matrix, "precision"), "precision")};
    case Scale::kCholesky:
      break;
  }
  SquareMatrix l = square_argument(d.call(), matrix, "Cholesky factor");
  require_cholesky_factor(d, l, "diagonal of the Cholesky factor");
  return {scale, std::move(l)};
}

size_t count_of(const Value& v) {
  return v.type.array_depth == 0 ? 1 : static_cast<size_t>(v.dims[0]);
}

/// Number of vectors in y and mu: those of whichever is an array; checks their sizes.
size_t number_of_vectors(const Call& call, const Value& y, const Value& mu, size_t n) {
  const bool both = y.type.array_depth > 0 && mu.type.array_depth > 0;
  if (both && count_of(y) != count_of(mu)) {
    call.fail(
        fmt::format("outcome and location of `{}` have {} and {} vectors; arrays must have the "
                    "same size",
                    call.name, count_of(y), count_of(mu)),
        source::DiagnosticKind::kSize);
  }
  const size_t count = y.type.array_depth > 0 ? count_of(y) : count_of(mu);
  if (count == 0) return 0;
  for (const Value* v : {&y, &mu}) {
    if (static_cast<size_t>(v->dims.back()) != n) {
      call.fail(
          fmt::format("{} of `{}` has {} elements, its scale matrix {} rows; sizes must agree",
                      v == &y ? "outcome" : "location", call.name, v->dims.back(), n),
          source::DiagnosticKind::kSize);
    }
  }
  return count;
}

/// y_i - mu_i.
std::vector<std::vector<Scalar>> residuals(const Call& call, const Value& y, const Value& mu,
                                           size_t count) {
  std::vector<std::vector<Scalar>> result(count);
  for (size_t i = 0; i < count; ++i) {
    const auto a = vector_of(y, i);
    const auto b = vector_of(mu, i);
    for (size_t k = 0; k < a.size(); ++k) result[i].push_back(call.graph.sub(a[k], b[k]));
  }
  return result;
}

/// Arguments y, mu, scale matrix.
template <Scale kScale>
Value multi_normal(const Call& call, std::span<const Value> args) {
  Density d(call);
  const auto n = static_cast<size_t>(args[2].dims[0]);
  const size_t count = number_of_vectors(call, args[0], args[1], n);
  if (count == 0) return Value::real(0.0);
  const Factor factor = factor_of(d, args[2], kScale);
  const auto copies = static_cast<double>(count);
  d.add(copies, factor.log_height(d));
  d -= copies * static_cast<double>(n) * kLogSqrtTwoPi;
  for (Expr q : factor.quadratic_forms(d, residuals(call, args[0], args[1], count))) d.add(-0.5, q);
  return Value::real(d.total().scalar());
}

/// Arguments y, nu, mu, scale matrix.
template <Scale kScale>
Value multi_student_t(const Call& call, std::span<const Value> args) {
  Density d(call);
  const Expr nu = d.expr(args[1].scalar());
  d.require_positive(nu, "degrees of freedom");
  if (nu.is_constant() && std::isinf(nu.constant())) {
    const Value normal_args[] = {args[0], args[2], args[3]};
    return multi_normal<kScale>(call, normal_args);
  }
  const auto n = static_cast<size_t>(args[3].dims[0]);
  const size_t count = number_of_vectors(call, args[0], args[2], n);
  if (count == 0) return Value::real(0.0);
  const Factor factor = factor_of(d, args[3], kScale);
  const double half_n = 0.5 * static_cast<double>(n);
  const Expr half_nu = 0.5 * nu;
  const auto copies = static_cast<double>(count);
  d.add(copies, factor.log_height(d));
  d.add(copies, lgamma_difference(half_nu, nu.of(half_n)));
  d.add(-copies * half_n, log(nu));
  d -= copies * half_n * kLogPi;
  for (Expr q : factor.quadratic_forms(d, residuals(call, args[0], args[2], count))) {
    d.add_product(half_nu + half_n, log1p(q / nu), -1);
  }
  return Value::real(d.total().scalar());
}

/// Arguments y [k, n], scale matrix [n, n], w [k]: row i of y is normal about 0 with covariance
/// Sigma / w_i.
template <Scale kScale>
Value multi_gp(const Call& call, std::span<const Value> args) {
  Density d(call);
  const Value& y = args[0];
  const auto rows = static_cast<size_t>(y.dims[0]);
  const auto n = static_cast<size_t>(y.dims[1]);
  if (args[1].dims[0] != y.dims[1] || args[2].elements.size() != rows) {
    call.fail(
        fmt::format("outcome of `{}` is {} x {}, its scale matrix has {} rows and its weights "
                    "{} elements; sizes must agree",
                    call.name, rows, n, args[1].dims[0], args[2].elements.size()),
        source::DiagnosticKind::kSize);
  }
  if (y.elements.empty()) return Value::real(0.0);
  const Factor factor = factor_of(d, args[1], kScale);
  d.add(static_cast<double>(rows), factor.log_height(d));
  d -= static_cast<double>(rows * n) * kLogSqrtTwoPi;
  std::vector<std::vector<Scalar>> row_vectors(rows);
  for (size_t i = 0; i < rows; ++i) {
    const auto first = y.elements.begin() + static_cast<std::ptrdiff_t>(i * n);
    row_vectors[i].assign(first, first + static_cast<std::ptrdiff_t>(n));
  }
  const std::vector<Expr> forms = factor.quadratic_forms(d, row_vectors);
  for (size_t i = 0; i < rows; ++i) {
    const Expr w = d.expr(args[2].elements[i]);
    d.require_positive(w, "weight");
    d.add(0.5 * static_cast<double>(n), log(w));
    d.add_product(w, forms[i], -0.5);
  }
  return Value::real(d.total().scalar());
}

}  // namespace

void add_multi_normal_densities(LibraryTable& table) {
  add_density_names(table, "multi_normal", multi_normal<Scale::kCovariance>);
  add_density_names(table, "multi_normal_prec", multi_normal<Scale::kPrecision>);
  add_density_names(table, "multi_normal_cholesky", multi_normal<Scale::kCholesky>);
  add_density_names(table, "multi_student_t", multi_student_t<Scale::kCovariance>);
  add_density_names(table, "multi_student_t_cholesky", multi_student_t<Scale::kCholesky>);
  add_density_names(table, "multi_gp", multi_gp<Scale::kCovariance>);
  add_density_names(table, "multi_gp_cholesky", multi_gp<Scale::kCholesky>);
}

}  // namespace vinci::lower
