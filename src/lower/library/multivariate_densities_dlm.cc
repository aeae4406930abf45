// The Gaussian dynamic linear model, its states integrated out by the Kalman filter:
//   y_t ~ normal(F' theta_t, V), theta_t ~ normal(G theta_{t-1}, W), theta_0 ~ normal(m0, C0).
// [West and Harrison 1997, Bayesian Forecasting and Dynamic Models, sec. 4.3]
#include <fmt/format.h>

#include "lower/library/multivariate_densities.h"

namespace vinci::lower {

namespace {

/// A matrix of scalars, row-major.
struct Matrix {
  size_t rows;
  size_t cols;
  std::vector<Scalar> elements;

  Matrix(size_t r, size_t c) : rows(r), cols(c), elements(r * c) {}
  Matrix(size_t r, size_t c, std::vector<Scalar> e) : rows(r), cols(c), elements(std::move(e)) {}
  Scalar& at(size_t i, size_t j) { return elements[i * cols + j]; }
  const Scalar& at(size_t i, size_t j) const { return elements[i * cols + j]; }
  Matrix transposed() const {
    Matrix t(cols, rows);
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < cols; ++j) t.at(j, i) = at(i, j);
    }
    return t;
  }
};

/// a b'.
Matrix multiply_transposed(graph::Graph& g, const Matrix& a, const Matrix& b) {
  Matrix result(a.rows, b.rows);
  for (size_t i = 0; i < a.rows; ++i) {
    for (size_t j = 0; j < b.rows; ++j) {
      result.at(i, j) = g.dot({&a.elements[i * a.cols], a.cols}, {&b.elements[j * b.cols], b.cols});
    }
  }
  return result;
}

void add_to(graph::Graph& g, Matrix& a, const Matrix& b) {
  for (size_t k = 0; k < a.elements.size(); ++k)
    a.elements[k] = g.add(a.elements[k], b.elements[k]);
}

Matrix argument(const Call& call, const Value& v, size_t rows, size_t cols, const char* what) {
  const auto r = static_cast<size_t>(v.dims[0]);
  const size_t c = v.dims.size() > 1 ? static_cast<size_t>(v.dims[1]) : 1;
  if (r != rows || c != cols) {
    call.fail(fmt::format("{} of `{}` is {} x {}; the other arguments need {} x {}", what,
                          call.name, r, c, rows, cols),
              source::DiagnosticKind::kSize);
  }
  return {r, c, v.elements};
}

/// Makes a computed covariance exactly symmetric: its lower triangle stands for both.
void symmetrise(Matrix& c) {
  for (size_t i = 0; i < c.rows; ++i) {
    for (size_t j = i + 1; j < c.cols; ++j) c.at(i, j) = c.at(j, i);
  }
}

struct State {
  Matrix mean;        // [n, 1]
  Matrix covariance;  // [n, n]
};

/// One observation vector with covariance V: joint update.
void update(Density& d, State& state, const Matrix& f_transposed, const Matrix& v,
            std::span<const Scalar> y) {
  graph::Graph& g = d.call().graph;
  const size_t r = f_transposed.rows;
  const Matrix fc = multiply_transposed(g, f_transposed, state.covariance);  // F' C, C symmetric
  Matrix q = multiply_transposed(g, fc, f_transposed);
  add_to(g, q, v);
  symmetrise(q);
  const SquareMatrix l = cholesky(d, {r, q.elements}, "forecast covariance");
  const Matrix forecast = multiply_transposed(g, f_transposed, state.mean.transposed());
  std::vector<Scalar> error(r);
  for (size_t i = 0; i < r; ++i) error[i] = g.sub(y[i], forecast.at(i, 0));
  const std::vector<Scalar> z = solve_lower(g, l, error);
  d -= log_diagonal(d, l);
  d -= static_cast<double>(r) * kLogSqrtTwoPi;
  for (Scalar s : z) d.add(-0.5, square(d.expr(s)));
  // K = L^{-1} F' C: the mean gains K' z, the covariance loses K' K
  Matrix k_transposed(state.mean.rows, r);
  std::vector<Scalar> column(r);
  for (size_t j = 0; j < state.mean.rows; ++j) {
    for (size_t i = 0; i < r; ++i) column[i] = fc.at(i, j);
    const std::vector<Scalar> k = solve_lower(g, l, column);
    for (size_t i = 0; i < r; ++i) k_transposed.at(j, i) = k[i];
  }
  add_to(g, state.mean, multiply_transposed(g, k_transposed, Matrix(1, r, z)));
  const Matrix loss = multiply_transposed(g, k_transposed, k_transposed);
  for (size_t k = 0; k < loss.elements.size(); ++k) {
    state.covariance.elements[k] = g.sub(state.covariance.elements[k], loss.elements[k]);
  }
  symmetrise(state.covariance);
}

/// Arguments y [r, T], F [n, r], G [n, n], V [r, r] or its diagonal [r], W [n, n], m0 [n], C0 [n,
/// n].
Value gaussian_dlm_obs(const Call& call, std::span<const Value> args) {
  graph::Graph& g = call.graph;
  Density d(call);
  const auto r = static_cast<size_t>(args[0].dims[0]);
  const auto times = static_cast<size_t>(args[0].dims[1]);
  const auto n = static_cast<size_t>(args[2].dims[0]);
  const Matrix f_transposed = argument(call, args[1], n, r, "F").transposed();
  const Matrix transition = argument(call, args[2], n, n, "G");
  const bool is_diagonal = args[3].dims.size() == 1;
  const Matrix v = argument(call, args[3], r, is_diagonal ? 1 : r, "V");
  const Matrix w = argument(call, args[4], n, n, "W");
  State state{argument(call, args[5], n, 1, "m0"), argument(call, args[6], n, n, "C0")};
  for (size_t t = 0; t < times; ++t) {
    state.mean = multiply_transposed(g, transition, state.mean.transposed());
    const Matrix gc = multiply_transposed(g, transition, state.covariance);
    state.covariance = multiply_transposed(g, gc, transition);
    add_to(g, state.covariance, w);
    symmetrise(state.covariance);
    std::vector<Scalar> y(r);
    for (size_t i = 0; i < r; ++i) y[i] = args[0].elements[i * times + t];
    if (!is_diagonal) {
      update(d, state, f_transposed, v, y);
      continue;
    }
    for (size_t i = 0; i < r; ++i) {  // independent errors: one number after the other
      d.require_non_negative(d.expr(v.at(i, 0)), "variance of the observations");
      const Matrix row(1, n,
                       {f_transposed.elements.begin() + static_cast<std::ptrdiff_t>(i * n),
                        f_transposed.elements.begin() + static_cast<std::ptrdiff_t>((i + 1) * n)});
      update(d, state, row, Matrix(1, 1, {v.at(i, 0)}), {&y[i], 1});
    }
  }
  return Value::real(d.total().scalar());
}

}  // namespace

void add_state_space_densities(LibraryTable& table) {
  add_density_names(table, "gaussian_dlm_obs", gaussian_dlm_obs);
}

}  // namespace vinci::lower
