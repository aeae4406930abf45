// Two-dimensional posteriors by quadrature on a fine grid: what approximations are measured
// against.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "vinci/log_density.h"

namespace vinci::infer::testing {

/// The trapezoidal rule on n x n points of a rectangle outside of which there is no mass to speak
/// of: for smooth densities that vanish at its edge, exact to rounding.
class GridPosterior {
 public:
  GridPosterior(const LogDensity& density, double low0, double high0, double low1, double high1,
                Index n)
      : n_(n),
        low_{low0, low1},
        step_{(high0 - low0) / static_cast<double>(n - 1),
              (high1 - low1) / static_cast<double>(n - 1)} {
    weight_.resize(static_cast<size_t>(n * n));
    std::vector<double> points(static_cast<size_t>(2 * n));
    double top = -std::numeric_limits<double>::infinity();
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < n; ++j) {
        points[static_cast<size_t>(j)] = at(0, i);
        points[static_cast<size_t>(n + j)] = at(1, j);
      }
      const auto row =
          std::span(weight_).subspan(static_cast<size_t>(i * n), static_cast<size_t>(n));
      density.evaluate({points.data(), 2, n, n}, row, {nullptr, 0, 0, 0});
      for (const double v : row) top = std::max(top, v);
    }
    double total = 0;
    for (double& v : weight_) total += v = std::exp(v - top);
    for (double& v : weight_) v /= total;
    log_evidence_ = top + std::log(total * step_[0] * step_[1]);
    edge_ = 0;
    for (Index i = 0; i < n; ++i)
      edge_ = std::max({edge_, weight(0, i), weight(n - 1, i), weight(i, 0), weight(i, n - 1)});
  }

  double log_evidence() const { return log_evidence_; }
  /// The largest share of the mass at a point of the edge: what the rectangle cuts off.
  double edge() const { return edge_; }
  double mean(const std::function<double(double, double)>& h) const {
    double sum = 0;
    for (Index i = 0; i < n_; ++i)
      for (Index j = 0; j < n_; ++j) sum += weight(i, j) * h(at(0, i), at(1, j));
    return sum;
  }
  double sd(const std::function<double(double, double)>& h) const {
    const double m = mean(h);
    return std::sqrt(mean([&](double x, double y) { return std::pow(h(x, y) - m, 2); }));
  }
  double correlation(const std::function<double(double, double)>& f,
                     const std::function<double(double, double)>& h) const {
    const double mf = mean(f), mh = mean(h);
    return mean([&](double x, double y) { return (f(x, y) - mf) * (h(x, y) - mh); }) /
           (sd(f) * sd(h));
  }
  /// P(coordinate d <= x), linear between points.
  double cdf(int d, double x) const {
    std::vector<double>& table = cdf_[d];
    if (table.empty()) {
      table.assign(static_cast<size_t>(n_), 0.0);
      double sum = 0;
      for (Index i = 0; i < n_; ++i) {
        double mass = 0;
        for (Index j = 0; j < n_; ++j) mass += d == 0 ? weight(i, j) : weight(j, i);
        table[static_cast<size_t>(i)] = sum + 0.5 * mass;  // a point's mass lies around it
        sum += mass;
      }
    }
    const double place = (x - low_[d]) / step_[d];
    if (place <= 0) return 0;
    if (place >= static_cast<double>(n_ - 1)) return 1;
    const auto i = static_cast<size_t>(place);
    const double share = place - std::floor(place);
    return (1 - share) * table[i] + share * table[i + 1];
  }
  /// Largest difference between the distribution of `draws` and that of coordinate d.
  double kolmogorov_smirnov(int d, std::vector<double> draws) const {
    std::sort(draws.begin(), draws.end());
    double worst = 0;
    const auto n = static_cast<double>(draws.size());
    for (size_t s = 0; s < draws.size(); ++s) {
      const double f = cdf(d, draws[s]), rank = static_cast<double>(s);
      worst = std::max({worst, f - rank / n, (rank + 1) / n - f});
    }
    return worst;
  }

 private:
  double at(int d, Index i) const { return low_[d] + step_[d] * static_cast<double>(i); }
  double weight(Index i, Index j) const { return weight_[static_cast<size_t>(i * n_ + j)]; }

  Index n_;
  double low_[2], step_[2];
  std::vector<double> weight_;
  double log_evidence_ = 0, edge_ = 0;
  mutable std::vector<double> cdf_[2];
};

}  // namespace vinci::infer::testing
