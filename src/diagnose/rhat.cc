#include "diagnose/rhat.h"

#include <cmath>
#include <limits>
#include <vector>

namespace vinci::diagnose {

double split_rhat(std::span<const double> values, std::ptrdiff_t num_chains) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  if (num_chains < 1) return kNan;
  const size_t length = values.size() / static_cast<size_t>(num_chains);
  const size_t half = length / 2;
  if (half < 2) return kNan;
  std::vector<double> means;
  double within = 0;
  for (size_t chain = 0; chain < static_cast<size_t>(num_chains); ++chain) {
    for (const size_t start : {chain * length, chain * length + length - half}) {
      const auto part = values.subspan(start, half);
      double mean = 0, variance = 0;
      for (const double v : part) {
        if (!std::isfinite(v)) return kNan;
        mean += v;
      }
      mean /= static_cast<double>(half);
      for (const double v : part) variance += (v - mean) * (v - mean);
      within += variance / static_cast<double>(half - 1);
      means.push_back(mean);
    }
  }
  const auto parts = static_cast<double>(means.size());
  within /= parts;
  double grand = 0, between = 0;
  for (const double m : means) grand += m / parts;
  for (const double m : means) between += (m - grand) * (m - grand) / (parts - 1);
  if (between == 0) return within == 0 ? 1 : std::sqrt(1 - 1 / static_cast<double>(half));
  return std::sqrt((static_cast<double>(half) - 1) / static_cast<double>(half) + between / within);
}

}  // namespace vinci::diagnose
