#include "diagnose/rhat.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "draws/summary.h"

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

SequenceMean sequence_mean(std::span<const double> values) {
  SequenceMean out;
  if (values.empty()) return out;
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double v : values) sum += v;
  out.mean = sum / n;
  // A sequence that never moved has no error, and no effective size either.
  if (std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; })) {
    out.mcse = 0;
    return out;
  }
  double squares = 0;
  for (const double v : values) squares += (v - out.mean) * (v - out.mean);
  const std::vector<double> chain(values.begin(), values.end());
  out.ess = draws::ess_mean({&chain, 1});
  out.mcse = std::sqrt(squares / (n - 1) / out.ess);
  return out;
}

namespace {

/// Values of parameter p in the last `window` rows.
std::vector<double> last_of(std::span<const double> iterates, std::ptrdiff_t num_params,
                            std::ptrdiff_t p, std::ptrdiff_t window) {
  const std::ptrdiff_t count = std::ssize(iterates) / num_params;
  std::vector<double> out;
  out.reserve(static_cast<size_t>(window));
  for (std::ptrdiff_t t = count - window; t < count; ++t) {
    out.push_back(iterates[static_cast<size_t>(t * num_params + p)]);
  }
  return out;
}

}  // namespace

IterateWindow stationary_window(std::span<const double> iterates, std::ptrdiff_t num_params,
                                std::ptrdiff_t min_window, double max_rhat) {
  constexpr int kWindows = 5;
  IterateWindow best;
  if (num_params <= 0) return best;
  const std::ptrdiff_t count = std::ssize(iterates) / num_params;
  const auto longest = static_cast<std::ptrdiff_t>(0.95 * static_cast<double>(count));
  if (longest < min_window) return best;
  for (int k = 0; k < kWindows; ++k) {
    const std::ptrdiff_t window = min_window + (longest - min_window) * k / (kWindows - 1);
    double worst = 0;
    for (std::ptrdiff_t p = 0; p < num_params; ++p) {
      const double rhat = split_rhat(last_of(iterates, num_params, p, window), 1);
      worst = std::isnan(rhat) ? std::numeric_limits<double>::infinity() : std::max(worst, rhat);
    }
    if (best.window == 0 || worst < best.rhat) best = {window, worst, worst <= max_rhat};
    if (longest == min_window) break;
  }
  return best;
}

IterateMeans iterate_means(std::span<const double> iterates, std::ptrdiff_t num_params,
                           std::ptrdiff_t window, std::span<const double> scale, double max_mcse,
                           double min_ess) {
  IterateMeans out;
  if (num_params <= 0) return out;
  window = std::min(window, std::ssize(iterates) / num_params);
  if (window <= 0) return out;
  out.worst_mcse = 0;
  out.least_ess = std::numeric_limits<double>::infinity();
  for (std::ptrdiff_t p = 0; p < num_params; ++p) {
    const SequenceMean m = sequence_mean(last_of(iterates, num_params, p, window));
    out.mean.push_back(m.mean);
    const double unit = scale.empty() ? 1 : scale[static_cast<size_t>(p)];
    // A coordinate that never moved has no error and no effective size.
    if (m.mcse == 0) continue;
    out.worst_mcse = std::isnan(m.mcse) ? std::numeric_limits<double>::infinity()
                                        : std::max(out.worst_mcse, m.mcse / unit);
    out.least_ess = std::isnan(m.ess) ? 0 : std::min(out.least_ess, m.ess);
  }
  out.accurate = out.worst_mcse < max_mcse && out.least_ess > min_ess;
  return out;
}

}  // namespace vinci::diagnose
