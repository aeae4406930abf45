// A small density of discrete and continuous coordinates that can be enumerated: tables of states,
// pairs of states, and normals whose mean depends on a state.
#pragma once

#include <cmath>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "infer/estimator/discrete/discrete_estimator.h"
#include "infer/family/mean_field_normal_family.h"
#include "infer/family/mixed_family.h"

namespace vinci::infer::testing {

/// log p(theta, z) = sum_i a_i[z_i] + sum_(i, i + 1) b_i[z_i, z_i+1] + sum_d (l_d[z_d] theta_d -
/// c_d theta_d^2 / 2): a chain of discrete coordinates, continuous coordinate d hanging on discrete
/// one d.
class TableDensity final : public LogDensity {
 public:
  TableDensity(Index num_continuous, std::vector<DiscreteStates> states, uint64_t seed)
      : d_(num_continuous), states_(std::move(states)) {
    std::mt19937_64 rng(seed);
    std::normal_distribution<double> normal;
    const auto table = [&](Index n) {
      std::vector<double> t(static_cast<size_t>(n));
      for (double& v : t) v = normal(rng);
      return t;
    };
    for (size_t i = 0; i < states_.size(); ++i) {
      single_.push_back(table(states_[i].count));
      linear_.push_back(table(states_[i].count));
      curvature_.push_back(0.5 + std::abs(normal(rng)));
      if (i + 1 < states_.size()) pair_.push_back(table(states_[i].count * states_[i + 1].count));
    }
  }

  Index dim() const override { return d_ + num_discrete(); }
  Index num_continuous() const { return d_; }
  Index num_discrete() const { return static_cast<Index>(states_.size()); }
  const std::vector<DiscreteStates>& states() const { return states_; }
  MixedFamily family() const { return {std::make_shared<MeanFieldNormalFamily>(d_), states_}; }

  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override {
    std::vector<double> terms(num_terms());
    for (Index l = 0; l < points.lanes; ++l) {
      terms_at(points, l, terms);
      double sum = 0;
      for (const double t : terms) sum += t;
      value[static_cast<size_t>(l)] = sum;
      if (gradient.data == nullptr) continue;
      for (Index r = 0; r < dim(); ++r) gradient(r, l) = 0;
      for (Index d = 0; d < d_; ++d) {
        gradient(d, l) = linear_[size(d)][state(points, d, l)] - curvature_[size(d)] * points(d, l);
      }
    }
  }

  DiscreteBlankets blankets() const {
    DiscreteBlankets b;
    b.sums = [this](LaneMatrix points, MutableLaneMatrix sums) {
      std::vector<double> terms(num_terms());
      const size_t m = states_.size();
      for (Index l = 0; l < points.lanes; ++l) {
        terms_at(points, l, terms);
        for (Index r = 0; r < dim(); ++r) sums(r, l) = 0;
        for (size_t i = 0; i < m; ++i) {
          double& own = sums(d_ + static_cast<Index>(i), l);
          own = terms[i];
          if (i > 0) own += terms[m + i - 1];
          if (i + 1 < m) own += terms[m + i];
          if (i < size(d_)) own += terms[2 * m - 1 + i];
        }
        for (Index d = 0; d < d_; ++d) sums(d, l) = terms[2 * m - 1 + size(d)];
      }
    };
    for (Index i = 0; i < num_discrete(); ++i) b.colour.push_back(static_cast<int32_t>(i % 2));
    return b;
  }

  /// The density at soft states: multilinear in them.
  class Relaxed final : public LogDensity {
   public:
    explicit Relaxed(const TableDensity& density) : density_(density) {}
    Index dim() const override {
      Index sum = density_.d_;
      for (const DiscreteStates& s : density_.states_) sum += s.count;
      return sum;
    }
    void evaluate(LaneMatrix points, std::span<double> value,
                  MutableLaneMatrix gradient) const override;

   private:
    const TableDensity& density_;
  };

  /// Calls f(states, probability of q) for all states.
  void enumerate(const MixedFamily& family, std::span<const double> lambda,
                 const std::function<void(const std::vector<double>&, double)>& f) const {
    const std::vector<double> log_pi = family.log_probabilities(lambda);
    std::vector<Index> k(states_.size(), 0);
    std::vector<double> z(states_.size());
    for (;;) {
      double log_q = 0;
      for (size_t i = 0; i < k.size(); ++i) {
        z[i] = static_cast<double>(states_[i].low + k[i]);
        log_q += log_pi[size(family.first_state(static_cast<Index>(i)) + k[i])];
      }
      f(z, std::exp(log_q));
      size_t i = 0;
      while (i < k.size() && ++k[i] == states_[i].count) k[i++] = 0;
      if (i == k.size()) return;
    }
  }

  /// E_q[beta log p] + w H[q], by enumeration and the moments of normals.
  double exact_objective(std::span<const double> lambda, double beta = 1, double w = 1) const {
    const MixedFamily q = family();
    double sum = w * q.at(lambda)->entropy();
    enumerate(q, lambda, [&](const std::vector<double>& z, double probability) {
      std::vector<double> point(size(d_), 0.0);
      point.insert(point.end(), z.begin(), z.end());
      double value = 0;
      evaluate({point.data(), dim(), 1, 1}, {&value, 1}, {nullptr, 0, 0, 0});
      for (Index d = 0; d < d_; ++d) {
        const double m = lambda[size(d)], s = std::exp(lambda[size(d_ + d)]);
        value += linear_[size(d)][index(z[size(d)], size(d))] * m -
                 0.5 * curvature_[size(d)] * (m * m + s * s);
      }
      sum += beta * probability * value;
    });
    return sum;
  }

 private:
  static size_t size(Index i) { return static_cast<size_t>(i); }
  size_t num_terms() const { return 2 * states_.size() - 1 + size(d_); }
  size_t index(double z, size_t i) const {
    return static_cast<size_t>(z - static_cast<double>(states_[i].low));
  }
  size_t state(LaneMatrix points, Index i, Index l) const {
    return index(points(d_ + i, l), size(i));
  }
  void terms_at(LaneMatrix points, Index l, std::vector<double>& terms) const {
    const size_t m = states_.size();
    for (size_t i = 0; i < m; ++i) {
      const size_t k = state(points, static_cast<Index>(i), l);
      terms[i] = single_[i][k];
      if (i + 1 < m) {
        terms[m + i] =
            pair_[i][k * size(states_[i + 1].count) + state(points, static_cast<Index>(i) + 1, l)];
      }
    }
    for (Index d = 0; d < d_; ++d) {
      const double x = points(d, l);
      terms[2 * m - 1 + size(d)] =
          linear_[size(d)][state(points, d, l)] * x - 0.5 * curvature_[size(d)] * x * x;
    }
  }

  Index d_;
  std::vector<DiscreteStates> states_;
  std::vector<std::vector<double>> single_, pair_, linear_;
  std::vector<double> curvature_;
};

inline void TableDensity::Relaxed::evaluate(LaneMatrix points, std::span<double> value,
                                            MutableLaneMatrix gradient) const {
  const TableDensity& t = density_;
  std::vector<Index> first;
  Index rows = t.d_;
  for (const DiscreteStates& s : t.states_) {
    first.push_back(rows);
    rows += s.count;
  }
  for (Index l = 0; l < points.lanes; ++l) {
    double sum = 0;
    std::vector<double> g(static_cast<size_t>(rows), 0.0);
    for (size_t i = 0; i < t.states_.size(); ++i) {
      for (Index k = 0; k < t.states_[i].count; ++k) {
        const Index row = first[i] + k;
        const double o = points(row, l);
        sum += o * t.single_[i][size(k)];
        g[size(row)] += t.single_[i][size(k)];
        if (i + 1 < t.states_.size()) {
          for (Index j = 0; j < t.states_[i + 1].count; ++j) {
            const double b = t.pair_[i][size(k * t.states_[i + 1].count + j)];
            const double other = points(first[i + 1] + j, l);
            sum += b * o * other;
            g[size(row)] += b * other;
            g[size(first[i + 1] + j)] += b * o;
          }
        }
        if (i < size(t.d_)) {
          const double x = points(static_cast<Index>(i), l);
          sum += t.linear_[i][size(k)] * o * x;
          g[size(row)] += t.linear_[i][size(k)] * x;
          g[i] += t.linear_[i][size(k)] * o;
        }
      }
    }
    for (Index d = 0; d < t.d_; ++d) {
      const double x = points(d, l);
      sum -= 0.5 * t.curvature_[size(d)] * x * x;
      g[size(d)] -= t.curvature_[size(d)] * x;
    }
    value[static_cast<size_t>(l)] = sum;
    if (gradient.data == nullptr) continue;
    for (Index r = 0; r < rows; ++r) gradient(r, l) = g[size(r)];
  }
}

}  // namespace vinci::infer::testing
