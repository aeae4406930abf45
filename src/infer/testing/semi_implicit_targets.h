// The examples of the papers on semi-implicit inference.
#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include "infer/testing/targets.h"

namespace vinci::infer::testing {

inline double log_sigmoid(double x) {
  return x > 0 ? -std::log1p(std::exp(-x)) : x - std::log1p(std::exp(x));
}

/// Red mites on 150 apple leaves: how many leaves have 0, 1, ..., 7 of them.
/// [Bliss and Fisher 1953, Biometrics 9, table 1]
inline const std::vector<double>& mites() {
  static const std::vector<double> leaves{70, 38, 17, 10, 9, 3, 2, 1};
  return leaves;
}

/// x_i ~ NB(r, p) with pmf Gamma(r + x) / (Gamma(r) x!) p^x (1 - p)^r; r ~ Gamma(0.01, rate 0.01),
/// p ~ Beta(0.01, 0.01), up to constants; coordinates log r, logit p.
inline PointDensity negative_binomial_mites() {
  return {2, [](const std::vector<double>& z, std::vector<double>& g) {
            constexpr double a = 0.01;
            const double r = std::exp(z[0]);
            const double log_p = log_sigmoid(z[1]), log_rest = log_sigmoid(-z[1]);
            const double p = std::exp(log_p);
            double n = 0, total = 0, value = 0, slope = 0;  // slope: d / dr
            for (size_t x = 0; x < mites().size(); ++x) {
              n += mites()[x];
              total += mites()[x] * static_cast<double>(x);
              for (size_t i = 0; i < x; ++i) {  // Gamma(r + x) / Gamma(r) x!
                value += mites()[x] *
                         std::log((r + static_cast<double>(i)) / (static_cast<double>(i) + 1));
                slope += mites()[x] / (r + static_cast<double>(i));
              }
            }
            // With the Jacobians r and p (1 - p).
            value += (total + a) * log_p + (n * r + a) * log_rest + a * z[0] - a * r;
            g[0] = r * slope + n * r * log_rest + a - a * r;
            g[1] = (total + a) * (1 - p) - (n * r + a) * p;
            return value;
          }};
}

/// z0 ~ N(0, 2), z1 | z0 ~ N(z0^2 / 4, 1).
inline PointDensity wide_banana() {
  return {2, [](const std::vector<double>& z, std::vector<double>& g) {
            const double d = z[1] - z[0] * z[0] / 4;
            g[0] = -z[0] / 4 + d * z[0] / 2;
            g[1] = -d;
            return log_normal_density(z[0], 0, 2) + log_normal_density(d, 0, 1);
          }};
}

/// Equal parts of N([-2, 0], I) and N([2, 0], I).
inline PointDensity two_discs() {
  return {2, [](const std::vector<double>& z, std::vector<double>& g) {
            const double a = log_normal_density(z[0], -2, 1), b = log_normal_density(z[0], 2, 1);
            const double top = std::max(a, b);
            const double sum = std::exp(a - top) + std::exp(b - top);
            const double share = std::exp(a - top) / sum;
            g[0] = share * (-2 - z[0]) + (1 - share) * (2 - z[0]);
            g[1] = -z[1];
            return top + std::log(sum / 2) + log_normal_density(z[1], 0, 1);
          }};
}

/// Equal parts of two normals of variance 2 and covariance +-1.8.
inline PointDensity x_shape() {
  return {2, [](const std::vector<double>& z, std::vector<double>& g) {
            constexpr double kDet = 0.76;  // 4 - 1.8^2
            double part[2];
            double slope[2][2];
            for (int m = 0; m < 2; ++m) {
              const double c = m == 0 ? 1.8 : -1.8;
              slope[m][0] = -(2 * z[0] - c * z[1]) / kDet;
              slope[m][1] = -(2 * z[1] - c * z[0]) / kDet;
              part[m] = 0.5 * (slope[m][0] * z[0] + slope[m][1] * z[1]);
            }
            const double top = std::max(part[0], part[1]);
            const double sum = std::exp(part[0] - top) + std::exp(part[1] - top);
            const double share = std::exp(part[0] - top) / sum;
            for (size_t i = 0; i < 2; ++i) g[i] = share * slope[0][i] + (1 - share) * slope[1][i];
            return top + std::log(sum / 2) - 0.5 * std::log(kDet) - std::log(2 * std::numbers::pi);
          }};
}

/// z0 ~ N(0, 2), z1 | z0 ~ N(sin(pi z0 / 2), 0.4): a sine whose ends fade out.
inline PointDensity sine() {
  return {2, [](const std::vector<double>& z, std::vector<double>& g) {
            constexpr double w = std::numbers::pi / 2;
            const double d = z[1] - std::sin(w * z[0]);
            g[0] = -z[0] / 4 + d / 0.16 * w * std::cos(w * z[0]);
            g[1] = -d / 0.16;
            return log_normal_density(z[0], 0, 2) + log_normal_density(d, 0, 0.4);
          }};
}

}  // namespace vinci::infer::testing
