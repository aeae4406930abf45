// What the factors on the positive numbers share: x = e^z.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "infer/family/factor/factor.h"
#include "numeric/special/quantiles.h"
#include "numeric/special/special.h"

namespace vinci::infer {

inline constexpr double kFactorNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kFactorInfinity = std::numeric_limits<double>::infinity();
/// log sqrt(2 pi).
inline constexpr double kLogSqrtTwoPi = 0.918938533204672741780;

class PositiveFactor : public ContinuousFactor {
 public:
  Support support() const final { return Support::kPositive; }
  double entropy_unconstrained(std::span<const double> lambda) const final {
    return entropy(lambda) - expected_statistics(lambda)[statistic::kLog];
  }
  void mean(std::span<const double> lambda, std::span<double> out) const final {
    out[0] = expected_statistics(lambda)[statistic::kX];
  }
};

/// The shape a of a gamma distribution whose logarithm has this deviation: trigamma(a) = sd^2,
/// which lies between 1/a + 1/(2 a^2) and that plus 1/(6 a^3); to a few per cent.
inline double gamma_shape_of_log_sd(double sd) {
  const double v = std::clamp(sd * sd, 1e-12, 1e6);
  return (1 + std::sqrt(1 + 2 * v)) / (2 * v);
}

}  // namespace vinci::infer
