#include "diagnose/calibration.h"

#include <algorithm>
#include <cmath>

#include "numeric/random/random_stream.h"

namespace vinci::diagnose {
namespace {

constexpr uint32_t kReflectionStream = 0x7265666c;

/// Distances |p - 1/2| ascending, with the sign of p - 1/2 in +-1: all that the statistic sees.
struct Folded {
  std::vector<double> distance;
  std::vector<int> sign;
};

Folded fold(std::span<const double> p) {
  std::vector<double> sorted(p.begin(), p.end());
  std::sort(sorted.begin(), sorted.end(),
            [](double a, double b) { return std::abs(a - 0.5) < std::abs(b - 0.5); });
  Folded out;
  for (const double x : sorted) {
    out.distance.push_back(std::abs(x - 0.5));
    out.sign.push_back(x < 0.5 ? -1 : x > 0.5 ? 1 : 0);
  }
  return out;
}

/// F_p(1/2 - t) - F_{1-p}(1/2 - t) = (#{p <= 1/2 - t} - #{p >= 1/2 + t}) / n: a walk over the signs
/// from the largest distance inwards, looked at where the distance changes.
double statistic(const Folded& f) {
  std::ptrdiff_t walk = 0, largest = 0;
  for (size_t i = f.distance.size(); i-- > 0;) {
    walk += f.sign[i];
    if (i == 0 || f.distance[i - 1] < f.distance[i]) largest = std::max(largest, std::abs(walk));
  }
  return static_cast<double>(largest) / static_cast<double>(f.distance.size());
}

}  // namespace

double symmetry_statistic(std::span<const double> p) { return p.empty() ? 0 : statistic(fold(p)); }

double uniformity_statistic(std::span<const double> p) {
  std::vector<double> x(p.begin(), p.end());
  std::sort(x.begin(), x.end());
  const auto n = static_cast<double>(x.size());
  double d = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    d = std::max({d, x[i] - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - x[i]});
  }
  return d;
}

double kolmogorov_p_value(double d, std::ptrdiff_t n) {
  if (n <= 0) return 1;
  const double root = std::sqrt(static_cast<double>(n));
  const double t = (root + 0.12 + 0.11 / root) * d;
  // Below 0.3 the probability is 1 to 5 digits, and the series needs many terms.
  if (t < 0.3) return 1;
  double sum = 0;
  for (int k = 1; k <= 100; ++k) {
    const double term = std::exp(-2.0 * k * k * t * t);
    sum += k % 2 == 1 ? term : -term;
    if (term < 1e-16) break;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

std::string_view to_string(Calibration::Finding finding) {
  switch (finding) {
    case Calibration::Finding::kCalibrated:
      return "calibrated";
    case Calibration::Finding::kTooHigh:
      return "q lies too high";
    case Calibration::Finding::kTooLow:
      return "q lies too low";
    case Calibration::Finding::kTooNarrow:
      return "q is too narrow";
    case Calibration::Finding::kTooWide:
      return "q is too wide";
    case Calibration::Finding::kOther:
      break;
  }
  return "q is of another shape";
}

Calibration calibrate(std::span<const double> p, double level, uint64_t seed, int reflections) {
  Calibration c;
  c.count = std::ssize(p);
  if (p.empty()) return c;
  const auto n = static_cast<double>(c.count);
  double squares = 0;
  for (const double x : p) {
    c.mean += x / n;
    squares += (x - 0.5) * (x - 0.5) / n;
    const int bin = std::clamp(static_cast<int>(x * kCalibrationBins), 0, kCalibrationBins - 1);
    ++c.histogram[static_cast<size_t>(bin)];
  }
  // About 1/2, not about their mean: a skew is not a spread.
  c.spread = 12 * (squares - (c.mean - 0.5) * (c.mean - 0.5));
  Folded folded = fold(p);
  c.symmetry_statistic = statistic(folded);
  numeric::RandomStream random(seed, kReflectionStream);
  int as_large = 0;
  for (int r = 0; r < reflections; ++r) {
    for (int& sign : folded.sign) {
      if (random.uniform() < 0.5) sign = -sign;
    }
    // Equal up to rounding of the quotient.
    if (statistic(folded) >= c.symmetry_statistic - 1e-12) ++as_large;
  }
  c.symmetry_p_value = (as_large + 1.0) / (reflections + 1.0);
  c.uniformity_statistic = uniformity_statistic(p);
  c.uniformity_p_value = kolmogorov_p_value(c.uniformity_statistic, c.count);
  if (c.symmetry_p_value < level) {
    c.finding = c.mean < 0.5 ? Calibration::Finding::kTooHigh : Calibration::Finding::kTooLow;
  } else if (c.uniformity_p_value < level) {
    // The variance of 12 (p - 1/2)^2 is 4/5 for a uniform p.
    const double noise = 2 * std::sqrt(0.8 / n);
    c.finding = c.spread > 1 + noise   ? Calibration::Finding::kTooNarrow
                : c.spread < 1 - noise ? Calibration::Finding::kTooWide
                                       : Calibration::Finding::kOther;
  }
  return c;
}

}  // namespace vinci::diagnose
