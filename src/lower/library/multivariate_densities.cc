// Linear algebra of the multivariate densities, and their table.
#include "lower/library/multivariate_densities.h"

#include <fmt/format.h>

namespace vinci::lower {

SquareMatrix square_argument(const Call& call, const Value& value, const char* what) {
  if (value.dims.size() != 2 || value.dims[0] != value.dims[1]) {
    call.fail(fmt::format("{} of `{}` is {} x {}; it must be square", what,
                          distribution_name(call.name), value.dims.front(), value.dims.back()),
              source::DiagnosticKind::kSize);
  }
  return {static_cast<size_t>(value.dims[0]), value.elements};
}

SquareMatrix cholesky(Density& d, const SquareMatrix& a, const char* what) {
  constexpr double kTolerance = 1e-8;  // Stan's
  graph::Graph& g = d.call().graph;
  SquareMatrix l{a.n, std::vector<Scalar>(a.n * a.n, Scalar(0.0))};
  std::vector<Scalar> left;
  std::vector<Scalar> right;
  for (size_t i = 0; i < a.n; ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (a.at(i, j).identical(a.at(j, i))) continue;
      const Expr deviation = abs(d.expr(a.at(i, j)) - d.expr(a.at(j, i)));
      if (deviation.is_constant() && deviation.constant() <= kTolerance) continue;
      d.call().require(graph::Guard::Kind::kNonNegative, (kTolerance - deviation).scalar(),
                       fmt::format("1e-8 - asymmetry of the {} of `{}`", what,
                                   distribution_name(d.call().name)));
    }
  }
  const std::string pivot = fmt::format("pivot {}", what);
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

void require_cholesky_factor(Density& d, const SquareMatrix& l, const char* what) {
  for (size_t i = 0; i < l.n; ++i) d.require_positive(d.expr(l.at(i, i)), what);
}

std::vector<Scalar> solve_lower(graph::Graph& graph, const SquareMatrix& l,
                                std::span<const Scalar> b) {
  std::vector<Scalar> z;
  z.reserve(l.n);
  for (size_t i = 0; i < l.n; ++i) {
    const std::span<const Scalar> row(&l.elements[i * l.n], i);
    z.push_back(graph.div(graph.sub(b[i], graph.dot(row, z)), l.at(i, i)));
  }
  return z;
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
