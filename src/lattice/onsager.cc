#include "lattice/onsager.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace vinci::lattice {

namespace {

/// 2 sinh(2J) / cosh(2J)^2, in [0, 1], 1 at the critical coupling.
double modulus(double coupling) {
  const double c = std::cosh(2 * coupling);
  return 2 * std::tanh(2 * coupling) / c;
}

constexpr double kMaxCoupling = 3;

}  // namespace

double onsager_log_partition(double coupling) {
  // log(sqrt(2) cosh 2J) + (1/pi) int_0^{pi/2} log(1 + sqrt(1 - k^2 sin^2 t)) dt. The integrand has
  // period pi, so the midpoint rule converges geometrically except at k = 1.
  constexpr int kPoints = 4096;
  const double k = modulus(coupling);
  double sum = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double s = std::sin((i + 0.5) * std::numbers::pi / (2 * kPoints));
    sum += std::log1p(std::sqrt(std::max(0.0, 1 - k * k * s * s)));
  }
  const double a = 2 * coupling;
  const double log_cosh = a + std::log1p(std::exp(-2 * a)) - std::numbers::ln2;
  return 0.5 * std::numbers::ln2 + log_cosh + 0.5 * sum / kPoints;
}

double onsager_correlation(double coupling) {
  if (coupling <= 0) return 0;
  const double k = modulus(coupling);
  const double t = std::tanh(2 * coupling);
  // (2 t^2 - 1) K(k) -> 0 at the critical coupling, where K has a logarithmic pole.
  const double factor = 2 * t * t - 1;
  const double pole = 1 - k < 1e-15 ? 0.0 : factor * std::comp_ellint_1(k);
  return 0.5 / t * (1 + 2 / std::numbers::pi * pole);
}

double coupling_of_correlation(double correlation) {
  double low = 0, high = kMaxCoupling;
  if (!(correlation > 0)) return 0;
  if (correlation >= onsager_correlation(high)) return high;
  while (high - low > 1e-10) {
    const double middle = 0.5 * (low + high);
    (onsager_correlation(middle) < correlation ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

double onsager_magnetisation(double coupling) {
  const double s = std::sinh(2 * coupling);
  return s <= 1 ? 0.0 : std::pow(1 - std::pow(s, -4), 0.125);
}

double critical_coupling(int levels) { return 0.5 * std::log1p(std::sqrt(levels)); }

double mean_field_critical_coupling(int levels, double degree) {
  // The transition of the mean-field Potts model: continuous for two levels, of first order beyond.
  // [Wu 1982, doi 10.1103/RevModPhys.54.235, section I.C]
  const double k = levels;
  if (levels == 2) return 1 / degree;
  return (k - 1) / (k - 2) * std::log(k - 1) / degree;
}

}  // namespace vinci::lattice
