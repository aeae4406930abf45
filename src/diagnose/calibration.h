// Simulation-based calibration of approximations: where do parameters that data were simulated from
// lie in the fits to these data?
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vinci::diagnose {

inline constexpr int kCalibrationBins = 20;

/// What the p_j = Q_j(theta < theta_0j) of one parameter over replicas j say. For an exact
/// posterior they are uniform on (0, 1). An approximation that is off in the mean makes them
/// skewed; one that is only too narrow or too wide leaves them symmetric about 1/2.
struct Calibration {
  enum class Finding { kCalibrated, kTooHigh, kTooLow, kTooNarrow, kTooWide, kOther };
  std::ptrdiff_t count = 0;
  double mean = 0;                  // of p; below 1/2: q lies too high
  double spread = 0;                // 12 var(p): 1 if uniform, above: q is too narrow
  double symmetry_statistic = 0;    // sup |F_p - F_{1-p}|
  double symmetry_p_value = 1;      // by random reflections p -> 1 - p
  double uniformity_statistic = 0;  // sup |F_p - x|
  double uniformity_p_value = 1;
  std::array<std::ptrdiff_t, kCalibrationBins> histogram{};
  Finding finding = Finding::kCalibrated;
};

std::string_view to_string(Calibration::Finding finding);

/// `level`: p-values below it count as findings; divide by the number of parameters looked at.
/// Under symmetry about 1/2 each p may as well be 1 - p: the statistic's distribution over such
/// reflections is the test's own, exact for any number of replicas; `reflections` of them are drawn
/// with `seed`. Uniformity: Kolmogorov's distribution with Stephens' correction for small samples.
/// O(reflections J).  [Yao, Vehtari, Simpson, Gelman 2018, ICML, sec. 3.2 and proposition 2;
/// Stephens 1970, doi 10.1111/j.2517-6161.1970.tb00821.x]
Calibration calibrate(std::span<const double> p, double level, uint64_t seed,
                      int reflections = 1999);

/// sup_x |F_p(x) - F_{1-p}(x)| of values in [0, 1].
double symmetry_statistic(std::span<const double> p);
/// sup_x |F_p(x) - x|.
double uniformity_statistic(std::span<const double> p);
/// P(D >= d) for Kolmogorov's D of n observations.
double kolmogorov_p_value(double d, std::ptrdiff_t n);

}  // namespace vinci::diagnose
