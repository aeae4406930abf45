#include "diagnose/convergence.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vinci::diagnose {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double minimal_sample_size(double khat) {
  if (std::isnan(khat)) return kNan;
  return khat < 1 ? std::pow(10.0, 1 / (1 - std::max(0.0, khat))) : kInfinity;
}

double convergence_rate(double khat, std::ptrdiff_t num_draws) {
  if (std::isnan(khat) || num_draws < 2) return kNan;
  if (khat <= 0) return 1;
  if (khat >= 1) return 0;
  const double k = khat, s = static_cast<double>(num_draws), log_s = std::log(s);
  // The quotient is 0/0 at k = 1/2, where its limit is this; near it, rounding would show.
  if (std::abs(k - 0.5) < 1e-5) return 1 - 1 / log_s;
  // Numerator and denominator divided by S^2, so that neither overflows.
  const double a = std::exp((2 * k - 1) * log_s);  // S^{2k-1}
  const double top = 2 * (k - 1) * a + (1 - 2 * k) * a / s + 1;
  return std::clamp(top / ((1 - 1 / s) * (1 - a)), 0.0, 1.0);
}

}  // namespace vinci::diagnose
