// Exact answers for small and for narrow fields, for tests: enumeration of all states of a row, and
// forward-backward over rows.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "lattice/field.h"
#include "numeric/random/random_stream.h"

namespace vinci::lattice::testing {

/// log l_i(k) as the density has it, k in {0, ..., levels - 1}; level 0 of an Ising field is -1.
inline double unary(const Field& field, int row, int column, int level) {
  if (!field.is_ising()) return field.field.at(row, column, level);
  return (level == 0 ? -1 : 1) * static_cast<double>(field.field.at(row, column));
}

struct Exact {
  double log_evidence;
  std::vector<double> marginals;  // [pixel][level]
};

/// Rows have levels^width states; all pairs of neighbouring rows are visited.
inline Exact exact(const Field& field) {
  const int levels = field.is_ising() ? 2 : field.field.planes();
  const int width = field.width(), height = field.height();
  size_t states = 1;
  for (int i = 0; i < width; ++i) states *= static_cast<size_t>(levels);
  const auto level = [&](size_t state, int column) {
    for (int i = 0; i < column; ++i) state /= static_cast<size_t>(levels);
    return static_cast<int>(state % static_cast<size_t>(levels));
  };
  std::vector<std::vector<int>> table(states, std::vector<int>(static_cast<size_t>(width)));
  for (size_t s = 0; s < states; ++s) {
    for (int c = 0; c < width; ++c) table[s][static_cast<size_t>(c)] = level(s, c);
  }
  const double straight = field.coupling.straight, diagonal = field.coupling.diagonal;
  const auto sign = [](int a, int b) { return a == b ? 1.0 : -1.0; };
  const auto within = [&](int row, size_t s) {
    double sum = 0;
    for (int c = 0; c < width; ++c) {
      const int z = table[s][static_cast<size_t>(c)];
      sum += unary(field, row, c, z);
      if (c + 1 < width) sum += straight * sign(z, table[s][static_cast<size_t>(c + 1)]);
    }
    return sum;
  };
  const auto between = [&](size_t s, size_t t) {
    double sum = 0;
    for (int c = 0; c < width; ++c) {
      for (int d = -1; d <= 1; ++d) {
        if (c + d < 0 || c + d >= width) continue;
        sum += (d == 0 ? straight : diagonal) *
               sign(table[s][static_cast<size_t>(c)], table[t][static_cast<size_t>(c + d)]);
      }
    }
    return sum;
  };
  std::vector<double> pair(states * states);
  for (size_t s = 0; s < states; ++s) {
    for (size_t t = 0; t < states; ++t) pair[s * states + t] = std::exp(between(s, t));
  }
  // Weights are normalised row by row.
  std::vector<std::vector<double>> forward(static_cast<size_t>(height)),
      backward(static_cast<size_t>(height));
  double log_evidence = field.constant;
  const auto normalise = [](std::vector<double>& x) {
    double sum = 0;
    for (const double v : x) sum += v;
    for (double& v : x) v /= sum;
    return std::log(sum);
  };
  for (int row = 0; row < height; ++row) {
    auto& f = forward[static_cast<size_t>(row)];
    f.assign(states, 0);
    for (size_t t = 0; t < states; ++t) {
      double in = row == 0 ? 1 : 0;
      if (row > 0) {
        for (size_t s = 0; s < states; ++s)
          in += forward[static_cast<size_t>(row - 1)][s] * pair[s * states + t];
      }
      f[t] = in * std::exp(within(row, t));
    }
    log_evidence += normalise(f);
  }
  for (int row = height - 1; row >= 0; --row) {
    auto& b = backward[static_cast<size_t>(row)];
    b.assign(states, 1);
    if (row + 1 == height) continue;
    for (size_t s = 0; s < states; ++s) {
      double sum = 0;
      for (size_t t = 0; t < states; ++t) {
        sum += pair[s * states + t] * std::exp(within(row + 1, t)) *
               backward[static_cast<size_t>(row + 1)][t];
      }
      b[s] = sum;
    }
    normalise(b);
  }
  Exact result{log_evidence, {}};
  for (int row = 0; row < height; ++row) {
    std::vector<double> p(states);
    for (size_t s = 0; s < states; ++s)
      p[s] = forward[static_cast<size_t>(row)][s] * backward[static_cast<size_t>(row)][s];
    normalise(p);
    for (int c = 0; c < width; ++c) {
      std::vector<double> m(static_cast<size_t>(levels));
      for (size_t s = 0; s < states; ++s)
        m[static_cast<size_t>(table[s][static_cast<size_t>(c)])] += p[s];
      result.marginals.insert(result.marginals.end(), m.begin(), m.end());
    }
  }
  return result;
}

/// P(pixel = level) under q.
inline double probability(const SplitGrid& q, int row, int column, int level) {
  if (q.planes() > 1) return static_cast<double>(q.at(row, column, level));
  return 0.5 + (level == 0 ? -0.5 : 0.5) * static_cast<double>(q.at(row, column));
}

/// Root mean square error of all marginals.
inline double rms_error(const Exact& truth, const SplitGrid& q) {
  const int levels = q.planes() == 1 ? 2 : q.planes();
  double sum = 0;
  size_t i = 0;
  for (int row = 0; row < q.height(); ++row) {
    for (int column = 0; column < q.width(); ++column) {
      for (int k = 0; k < levels; ++k) {
        const double off = probability(q, row, column, k) - truth.marginals[i++];
        sum += off * off;
      }
    }
  }
  return std::sqrt(sum / static_cast<double>(i));
}

/// A field with normal unary terms of deviation `spread`; levels 2 is Ising.
inline Field random_field(int width, int height, int levels, double straight, double diagonal,
                          double spread, uint64_t seed) {
  Field field;
  field.coupling = {static_cast<float>(straight), static_cast<float>(diagonal)};
  field.field = SplitGrid(width, height, levels == 2 ? 1 : levels);
  numeric::RandomStream random(seed);
  for (int k = 0; k < field.field.planes(); ++k) {
    for (int row = 0; row < height; ++row) {
      for (int column = 0; column < width; ++column)
        field.field.at(row, column, k) = static_cast<float>(spread * random.normal());
    }
  }
  field.constant = 0.25;
  return field;
}

/// q of equal probabilities.
inline SplitGrid uniform_q(const Field& field) {
  SplitGrid q(field.width(), field.height(), field.field.planes());
  if (field.is_ising()) return q;
  for (int k = 0; k < q.planes(); ++k) {
    for (int row = 0; row < q.height(); ++row) {
      for (int column = 0; column < q.width(); ++column)
        q.at(row, column, k) = 1.0F / static_cast<float>(q.planes());
    }
  }
  return q;
}

}  // namespace vinci::lattice::testing
