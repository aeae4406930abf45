// Log densities with known properties, for tests of inference.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "vinci/log_density.h"

namespace vinci::infer::testing {

/// A log density written for one point: value returned, gradient (length D, zeroed before) filled
/// in.
class PointDensity final : public LogDensity {
 public:
  using Function =
      std::function<double(const std::vector<double>& x, std::vector<double>& gradient)>;
  PointDensity(Index dim, Function function) : dim_(dim), function_(std::move(function)) {}

  Index dim() const override { return dim_; }
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override {
    std::vector<double> x(static_cast<size_t>(dim_)), g(static_cast<size_t>(dim_));
    for (Index l = 0; l < points.lanes; ++l) {
      for (Index r = 0; r < dim_; ++r) x[static_cast<size_t>(r)] = points(r, l);
      g.assign(g.size(), 0.0);
      double v = function_(x, g);
      if (!std::isfinite(v)) {
        v = -std::numeric_limits<double>::infinity();
        g.assign(g.size(), 0.0);
      }
      value[static_cast<size_t>(l)] = v;
      if (gradient.data == nullptr) continue;
      for (Index r = 0; r < dim_; ++r) gradient(r, l) = g[static_cast<size_t>(r)];
    }
  }

 private:
  Index dim_;
  Function function_;
};

inline double log_normal_density(double x, double mean, double sd) {
  const double z = (x - mean) / sd;
  return -0.5 * z * z - std::log(sd) - 0.5 * std::log(2 * std::numbers::pi);
}

/// N(mean, diag(sd^2)) after a chain of rotations that mixes all coordinates; normalised, so log
/// evidence is 0.
inline PointDensity rotated_normal(std::vector<double> mean, std::vector<double> sd, double angle) {
  const auto dim = static_cast<Index>(mean.size());
  double constant = -0.5 * static_cast<double>(dim) * std::log(2 * std::numbers::pi);
  for (const double s : sd) constant -= std::log(s);
  return {dim, [=](const std::vector<double>& x, std::vector<double>& g) {
            const size_t n = x.size();
            const double c = std::cos(angle), s = std::sin(angle);
            std::vector<double> y(n);
            for (size_t i = 0; i < n; ++i) y[i] = x[i] - mean[i];
            for (size_t i = 0; i + 1 < n; ++i) {
              const double a = y[i], b = y[i + 1];
              y[i] = c * a + s * b;
              y[i + 1] = -s * a + c * b;
            }
            double value = constant;
            for (size_t i = 0; i < n; ++i) {
              g[i] = -y[i] / (sd[i] * sd[i]);
              value += 0.5 * y[i] * g[i];
            }
            for (size_t i = n; i-- > 1;) {
              const double a = g[i - 1], b = g[i];
              g[i - 1] = c * a - s * b;
              g[i] = s * a + c * b;
            }
            return value;
          }};
}

inline const std::vector<double>& school_effects() {
  static const std::vector<double> y{28, 8, -3, 7, -1, 1, 18, 12};
  return y;
}
inline const std::vector<double>& school_errors() {
  static const std::vector<double> sigma{15, 10, 16, 11, 9, 11, 10, 18};
  return sigma;
}

/// theta_trans[8], mu, log tau: theta_j = mu + tau theta_trans_j; mu ~ N(0, 5), tau ~
/// half-Cauchy(0, 5) (with its normalising constant for the whole line, as Stan has it), y_j ~
/// N(theta_j, sigma_j).
inline PointDensity eight_schools_noncentered() {
  return {10, [](const std::vector<double>& x, std::vector<double>& g) {
            const double mu = x[8], tau = std::exp(x[9]);
            double value = log_normal_density(mu, 0, 5) - std::log(5 * std::numbers::pi) -
                           std::log1p(tau * tau / 25) + x[9];
            g[8] = -mu / 25;
            g[9] = 1 - 2 * tau * tau / (25 + tau * tau);
            for (size_t j = 0; j < 8; ++j) {
              const double y = school_effects()[j], sigma = school_errors()[j];
              value +=
                  log_normal_density(x[j], 0, 1) + log_normal_density(y, mu + tau * x[j], sigma);
              const double r = (y - mu - tau * x[j]) / (sigma * sigma);
              g[j] = -x[j] + r * tau;
              g[8] += r;
              g[9] += r * tau * x[j];
            }
            return value;
          }};
}

/// theta[8], mu, log tau: theta_j ~ N(mu, tau).
inline PointDensity eight_schools_centered() {
  return {10, [](const std::vector<double>& x, std::vector<double>& g) {
            const double mu = x[8], tau = std::exp(x[9]);
            double value = log_normal_density(mu, 0, 5) - std::log(5 * std::numbers::pi) -
                           std::log1p(tau * tau / 25) + x[9];
            g[8] = -mu / 25;
            g[9] = 1 - 2 * tau * tau / (25 + tau * tau);
            for (size_t j = 0; j < 8; ++j) {
              const double y = school_effects()[j], sigma = school_errors()[j];
              value += log_normal_density(x[j], mu, tau) + log_normal_density(y, x[j], sigma);
              const double d = (x[j] - mu) / tau;
              g[j] = -d / tau + (y - x[j]) / (sigma * sigma);
              g[8] += d / tau;
              g[9] += d * d - 1;
            }
            return value;
          }};
}

/// Neal's funnel: v ~ N(0, 3), x_i | v ~ N(0, exp(v / 2)); log evidence 0.
inline PointDensity funnel(Index dim) {
  return {dim, [](const std::vector<double>& x, std::vector<double>& g) {
            const double v = x[0], precision = std::exp(-v);
            double value = log_normal_density(v, 0, 3);
            g[0] = -v / 9;
            for (size_t i = 1; i < x.size(); ++i) {
              value += log_normal_density(x[i], 0, std::exp(0.5 * v));
              g[i] = -x[i] * precision;
              g[0] += 0.5 * (x[i] * x[i] * precision - 1);
            }
            return value;
          }};
}

/// x0 ~ N(0, 1), x1 | x0 ~ N(curvature (x0^2 - 1), 1); log evidence 0, mean 0.
inline PointDensity banana(double curvature) {
  return {2, [=](const std::vector<double>& x, std::vector<double>& g) {
            const double r = x[1] - curvature * (x[0] * x[0] - 1);
            g[0] = -x[0] + 2 * curvature * x[0] * r;
            g[1] = -r;
            return log_normal_density(x[0], 0, 1) + log_normal_density(r, 0, 1);
          }};
}

/// share N(-distance e, I) + (1 - share) N(+distance e, I), e = (1, ..., 1); log evidence 0.
inline PointDensity two_modes(Index dim, double distance, double share = 0.5) {
  return {dim, [=](const std::vector<double>& x, std::vector<double>& g) {
            double a = std::log(share), b = std::log1p(-share);
            for (const double xi : x) {
              a += log_normal_density(xi, -distance, 1);
              b += log_normal_density(xi, distance, 1);
            }
            const double top = std::max(a, b);
            const double total = top + std::log(std::exp(a - top) + std::exp(b - top));
            const double weight = std::exp(a - total);
            for (size_t i = 0; i < x.size(); ++i) {
              g[i] = weight * (-distance - x[i]) + (1 - weight) * (distance - x[i]);
            }
            return total;
          }};
}

/// A made-up logistic regression: `rows` observations, standard normal prior of deviation 2 on D
/// coefficients.
inline PointDensity logistic_regression(Index dim, Index rows) {
  // Covariates and answers by a fixed recurrence: a little correlated, neither separable nor
  // balanced.
  std::vector<double> x(static_cast<size_t>(dim * rows)), y(static_cast<size_t>(rows));
  uint64_t state = 88172645463325252u;
  const auto next = [&] {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<double>(state >> 11) * 0x1p-53;
  };
  for (Index r = 0; r < rows; ++r) {
    double eta = -0.5, last = 0;
    for (Index d = 0; d < dim; ++d) {
      last = 0.5 * last + 3 * (next() - 0.5);
      x[static_cast<size_t>(r * dim + d)] = d == 0 ? 1 : last;
      eta += 0.3 * (d % 3 == 0 ? 1 : -1) * x[static_cast<size_t>(r * dim + d)];
    }
    y[static_cast<size_t>(r)] = next() < 1 / (1 + std::exp(-eta)) ? 1 : 0;
  }
  return {dim, [=](const std::vector<double>& beta, std::vector<double>& g) {
            double value = 0;
            const size_t n = beta.size();
            for (size_t d = 0; d < n; ++d) {
              value += log_normal_density(beta[d], 0, 2);
              g[d] = -beta[d] / 4;
            }
            for (size_t r = 0; r < y.size(); ++r) {
              double eta = 0;
              for (size_t d = 0; d < n; ++d) eta += x[r * n + d] * beta[d];
              const double p = 1 / (1 + std::exp(-eta));
              value += y[r] * eta -
                       (eta > 0 ? eta + std::log1p(std::exp(-eta)) : std::log1p(std::exp(eta)));
              for (size_t d = 0; d < n; ++d) g[d] += (y[r] - p) * x[r * n + d];
            }
            return value;
          }};
}

/// Standard normal where x0 > boundary, zero elsewhere.
inline PointDensity half_space(Index dim, double boundary) {
  return {dim, [=](const std::vector<double>& x, std::vector<double>& g) {
            if (!(x[0] > boundary)) return -std::numeric_limits<double>::infinity();
            double value = 0;
            for (size_t i = 0; i < x.size(); ++i) {
              value += log_normal_density(x[i], 0, 1);
              g[i] = -x[i];
            }
            return value;
          }};
}

inline PointDensity nowhere_finite(Index dim) {
  return {dim, [](const std::vector<double>&, std::vector<double>&) { return std::nan(""); }};
}

}  // namespace vinci::infer::testing
