// Linear algebra of the multivariate densities, and their table.
#include "lower/library/multivariate_densities.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/arrays/arrays.h"

namespace vinci::lower {

SquareMatrix square_argument(const Call& call, const Value& value, const char* what) {
  if (value.dims.size() != 2 || value.dims[0] != value.dims[1]) {
    call.fail(fmt::format("{} of `{}` is {} x {}; it must be square", what,
                          distribution_name(call.name), value.dims.front(), value.dims.back()),
              source::DiagnosticKind::kSize);
  }
  return {static_cast<size_t>(value.dims[0]), value.elements};
}

namespace {

/// Up to this many rows factors and solutions are written out as scalar operations, of which zeros
/// and constants vanish and which plates can share; above it they are array functions.
constexpr size_t kMaxExpandedRows = 8;

bool is_diagonal(const SquareMatrix& a) {
  for (size_t i = 0; i < a.n; ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!a.at(i, j).identical(Scalar(0.0))) return false;
    }
  }
  return true;
}

bool is_expanded(const SquareMatrix& a) { return a.n <= kMaxExpandedRows || is_diagonal(a); }

/// Elements (i, j), j <= i, row by row.
std::vector<Scalar> packed_lower(const SquareMatrix& a) {
  std::vector<Scalar> packed;
  packed.reserve(a.n * (a.n + 1) / 2);
  for (size_t i = 0; i < a.n; ++i) {
    for (size_t j = 0; j <= i; ++j) packed.push_back(a.at(i, j));
  }
  return packed;
}

/// One condition for all pairs: the sum of squared differences is at most the square of Stan's
/// tolerance.
void require_symmetric(Density& d, const SquareMatrix& a, const char* what) {
  constexpr double kTolerance = 1e-8;
  std::vector<Scalar> squares;
  for (size_t i = 0; i < a.n; ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (a.at(i, j).identical(a.at(j, i))) continue;
      squares.push_back(square(d.expr(a.at(i, j)) - d.expr(a.at(j, i))).scalar());
    }
  }
  const Expr sum = d.expr(d.call().graph.sum(squares));
  if (sum.is_constant() && sum.constant() <= kTolerance * kTolerance) return;
  d.call().require(graph::Guard::Kind::kNonNegative, (kTolerance * kTolerance - sum).scalar(),
                   fmt::format("1e-16 - squared asymmetry of the {}", what));
}

SquareMatrix expanded_cholesky(Density& d, const SquareMatrix& a, const std::string& pivot) {
  graph::Graph& g = d.call().graph;
  SquareMatrix l{a.n, std::vector<Scalar>(a.n * a.n, Scalar(0.0))};
  for (size_t j = 0; j < a.n; ++j) {
    for (size_t i = j; i < a.n; ++i) {
      const std::span<const Scalar> row_i(&l.elements[i * a.n], j);
      const std::span<const Scalar> row_j(&l.elements[j * a.n], j);
      const Scalar rest = g.sub(a.at(i, j), g.dot(row_i, row_j));
      if (i == j) {
        d.require_positive(d.expr(rest), pivot.c_str());
        l.at(j, j) = g.sqrt(rest);
      } else {
        l.at(i, j) = g.div(rest, l.at(j, j));
      }
    }
  }
  return l;
}

}  // namespace

SquareMatrix cholesky(Density& d, const SquareMatrix& a, const char* what) {
  require_symmetric(d, a, what);
  const std::string pivot = fmt::format("pivot of the {}", what);
  if (is_expanded(a)) return expanded_cholesky(d, a, pivot);
  const std::vector<Scalar> packed =
      d.call().graph.call(graph::cholesky_decompose(static_cast<int>(a.n)), packed_lower(a));
  SquareMatrix l{a.n, std::vector<Scalar>(a.n * a.n, Scalar(0.0))};
  size_t k = 0;
  for (size_t i = 0; i < a.n; ++i) {
    for (size_t j = 0; j <= i; ++j) l.at(i, j) = packed[k++];
  }
  d.require_positive(d.expr(l.at(0, 0)), pivot.c_str());  // where it fails all outputs are NaN
  return l;
}

void require_cholesky_factor(Density& d, const SquareMatrix& l, const char* what) {
  for (size_t i = 0; i < l.n; ++i) d.require_positive(d.expr(l.at(i, i)), what);
}

std::vector<Scalar> solve_lower(graph::Graph& graph, const SquareMatrix& l,
                                std::span<const Scalar> b) {
  if (!is_expanded(l))
    return solve_lower_columns(graph, l, {std::vector<Scalar>(b.begin(), b.end())});
  std::vector<Scalar> z;
  z.reserve(l.n);
  for (size_t i = 0; i < l.n; ++i) {
    const std::span<const Scalar> row(&l.elements[i * l.n], i);
    z.push_back(graph.div(graph.sub(b[i], graph.dot(row, z)), l.at(i, i)));
  }
  return z;
}

std::vector<Scalar> solve_lower_columns(graph::Graph& graph, const SquareMatrix& l,
                                        const std::vector<std::vector<Scalar>>& columns) {
  std::vector<Scalar> result(columns.size() * l.n);
  if (is_expanded(l)) {
    for (size_t c = 0; c < columns.size(); ++c) {
      const std::vector<Scalar> z = solve_lower(graph, l, columns[c]);
      std::copy(z.begin(), z.end(), result.begin() + static_cast<std::ptrdiff_t>(c * l.n));
    }
    return result;
  }
  std::vector<Scalar> inputs = packed_lower(l);
  for (size_t i = 0; i < l.n; ++i) {
    for (const auto& column : columns) inputs.push_back(column[i]);
  }
  const std::vector<Scalar> rows = graph.call(
      graph::triangular_solve(static_cast<int>(l.n), static_cast<int>(columns.size()), false),
      inputs);
  for (size_t c = 0; c < columns.size(); ++c) {
    for (size_t i = 0; i < l.n; ++i) result[c * l.n + i] = rows[i * columns.size() + c];
  }
  return result;
}

Expr log_diagonal(Density& d, const SquareMatrix& l) {
  std::vector<Scalar> logs;
  for (size_t i = 0; i < l.n; ++i) logs.push_back(d.call().graph.log(l.at(i, i)));
  return d.expr(d.call().graph.sum(logs));
}

Expr log_multivariate_gamma(size_t k, Expr a) {
  std::vector<Scalar> parts;
  for (size_t j = 0; j < k; ++j) parts.push_back(lgamma(a - 0.5 * static_cast<double>(j)).scalar());
  const auto size = static_cast<double>(k);
  return a.of(a.graph().sum(parts)) + 0.25 * size * (size - 1) * kLogPi;
}

void add_multivariate_densities(LibraryTable& table) {
  add_multi_normal_densities(table);
  add_matrix_densities(table);
  add_hidden_markov_models(table);
  add_state_space_densities(table);
  add_glm_densities(table);
}

}  // namespace vinci::lower
