#include "lattice/field.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "numeric/special/row_functions.h"

namespace vinci::numeric {

/// log of n doubles, in place. Here, since `lattice` has kernels, and so namespaces, of its own.
static void row_log(double* x, int64_t n) {
  VINCI_SIMD_SELECT(row_function)(RowFunction::log, x, nullptr, x, n);
}

}  // namespace vinci::numeric

namespace vinci::lattice {

namespace {

/// sum of a[j] b[j].
double dot(const float* a, const float* b, int n) {
  double sum = 0;
  for (int j = 0; j < n; ++j) sum += static_cast<double>(a[j]) * static_cast<double>(b[j]);
  return sum;
}

/// Sums of products over the edges to the right, below and diagonally below of row `row`.
struct EdgeSums {
  double straight = 0, diagonal = 0;
};
EdgeSums edge_sums(const SplitGrid& q, int row, bool has_diagonal) {
  EdgeSums sums;
  for (int k = 0; k < q.planes(); ++k) {
    const float* even = q.half(row, 0, k);
    const float* odd = q.half(row, 1, k);
    const int n = q.half_size(0);
    // Every horizontal edge has one end in an even column.
    sums.straight += dot(even, odd, n) + dot(even, odd - 1, n);
    // Below the last row lie zeros.
    const float* even_below = q.half(row + 1, 0, k);
    const float* odd_below = q.half(row + 1, 1, k);
    sums.straight += dot(even, even_below, n) + dot(odd, odd_below, q.half_size(1));
    if (has_diagonal) {
      sums.diagonal += dot(even, odd_below, n) + dot(even, odd_below - 1, n) +
                       dot(even_below, odd, n) + dot(even_below, odd - 1, n);
    }
  }
  return sums;
}

/// Sum of p log p over a row of probabilities, 0 for p <= 0.
double plogp(std::vector<double>& p, std::vector<double>& logs) {
  for (size_t j = 0; j < p.size(); ++j) logs[j] = std::max(p[j], 1e-300);
  numeric::row_log(logs.data(), static_cast<int64_t>(p.size()));
  double sum = 0;
  for (size_t j = 0; j < p.size(); ++j) sum += p[j] * logs[j];
  return sum;
}

double row_entropy(const SplitGrid& q, int row) {
  double sum = 0;
  for (int parity = 0; parity < 2; ++parity) {
    const auto n = static_cast<size_t>(q.half_size(parity));
    std::vector<double> p(n), logs(n);
    for (int k = 0; k < q.planes(); ++k) {
      const float* from = q.half(row, parity, k);
      if (q.planes() == 1) {
        for (size_t j = 0; j < n; ++j) p[j] = 0.5 + 0.5 * static_cast<double>(from[j]);
        sum -= plogp(p, logs);
        for (size_t j = 0; j < n; ++j) p[j] = 0.5 - 0.5 * static_cast<double>(from[j]);
      } else {
        for (size_t j = 0; j < n; ++j) p[j] = static_cast<double>(from[j]);
      }
      sum -= plogp(p, logs);
    }
  }
  return sum;
}

double row_data(const Field& field, const SplitGrid& q, int row) {
  double sum = 0;
  for (int parity = 0; parity < 2; ++parity) {
    for (int k = 0; k < q.planes(); ++k) {
      sum += dot(field.field.half(row, parity, k), q.half(row, parity, k), q.half_size(parity));
    }
  }
  return sum;
}

template <class F>
double sum_over_rows(int height, numeric::ThreadPool& pool, F&& of_row) {
  std::vector<double> rows(static_cast<size_t>(height));
  pool.parallel_for(height, [&](std::ptrdiff_t row) {
    rows[static_cast<size_t>(row)] = of_row(static_cast<int>(row));
  });
  double sum = 0;
  for (const double x : rows) sum += x;
  return sum;
}

}  // namespace

double Field::num_edges() const {
  const double w = width(), h = height();
  const double straight = (w - 1) * h + w * (h - 1);
  return straight + (coupling.diagonal != 0 ? 2 * (w - 1) * (h - 1) : 0.0);
}

double elbo(const Field& field, const SplitGrid& q, numeric::ThreadPool& pool) {
  VINCI_CHECK(q.planes() == field.field.planes() && q.width() == field.width() &&
              q.height() == field.height());
  const double straight = field.coupling.straight, diagonal = field.coupling.diagonal;
  const double sum = sum_over_rows(field.height(), pool, [&](int row) {
    const EdgeSums edges = edge_sums(q, row, diagonal != 0);
    const double pairs = straight * edges.straight + diagonal * edges.diagonal;
    return (field.is_ising() ? pairs : 2 * pairs) + row_data(field, q, row) + row_entropy(q, row);
  });
  // Potts edges are J (2 [equal] - 1).
  const double w = field.width(), h = field.height();
  const double shift =
      field.is_ising() ? 0
                       : straight * ((w - 1) * h + w * (h - 1)) + diagonal * 2 * (w - 1) * (h - 1);
  return sum + field.constant - shift;
}

double edge_correlation(const Field& field, const SplitGrid& q) {
  const double edges = field.num_edges();
  if (edges == 0) return 0;
  double sum = 0;
  for (int row = 0; row < q.height(); ++row) {
    const EdgeSums of_row = edge_sums(q, row, field.coupling.diagonal != 0);
    sum += of_row.straight + of_row.diagonal;
  }
  return field.is_ising() ? sum / edges : 2 * sum / edges - 1;
}

}  // namespace vinci::lattice
