#include "draws/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "vinci/error.h"

namespace vinci::draws {

namespace {

constexpr double kNan = ParameterSummary::kUnknown;

bool all_finite(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); });
}

/// Weights from their logarithms, summing to 1; empty where none is finite.
std::vector<double> normalised(std::span<const double> log_weights) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const double w : log_weights) {
    if (w > largest) largest = w;
  }
  if (!std::isfinite(largest)) return {};
  std::vector<double> out;
  double sum = 0;
  for (const double w : log_weights) {
    out.push_back(std::isnan(w) ? 0.0 : std::exp(w - largest));
    sum += out.back();
  }
  for (double& w : out) w /= sum;
  return out;
}

ParameterSummary summarise_equal(std::vector<double> x) {
  ParameterSummary out;
  const auto n = static_cast<double>(x.size());
  if (x.empty() || std::any_of(x.begin(), x.end(), [](double v) { return std::isnan(v); }))
    return out;
  out.mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double squares = 0;
  for (const double v : x) squares += (v - out.mean) * (v - out.mean);
  out.sd = x.size() > 1 ? std::sqrt(squares / (n - 1)) : kNan;
  std::sort(x.begin(), x.end());
  out.q05 = quantile_sorted(x, 0.05);
  out.q50 = quantile_sorted(x, 0.5);
  out.q95 = quantile_sorted(x, 0.95);
  out.ess = n;
  return out;
}

ParameterSummary summarise_weighted(std::span<const double> x, std::span<const double> weights) {
  ParameterSummary out;
  if (x.empty() || std::any_of(x.begin(), x.end(), [](double v) { return std::isnan(v); }))
    return out;
  double mean = 0;
  double squared_weights = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    mean += weights[i] * x[i];
    squared_weights += weights[i] * weights[i];
  }
  double squares = 0;
  for (size_t i = 0; i < x.size(); ++i) squares += weights[i] * (x[i] - mean) * (x[i] - mean);
  out.mean = mean;
  out.sd = squared_weights < 1 ? std::sqrt(squares / (1 - squared_weights)) : kNan;
  out.ess = 1 / squared_weights;

  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return x[a] < x[b]; });
  std::vector<double> sorted(x.size());
  std::vector<double> sorted_weights(x.size());
  for (size_t i = 0; i < order.size(); ++i) {
    sorted[i] = x[order[i]];
    sorted_weights[i] = weights[order[i]];
  }
  out.q05 = quantile_sorted(sorted, sorted_weights, 0.05);
  out.q50 = quantile_sorted(sorted, sorted_weights, 0.5);
  out.q95 = quantile_sorted(sorted, sorted_weights, 0.95);
  return out;
}

using Chains = std::vector<std::vector<double>>;

/// Each chain in two halves of equal length; the middle draw of an odd number is left out.
Chains split(std::span<const std::vector<double>> chains) {
  Chains out;
  for (const auto& chain : chains) {
    const auto half = static_cast<std::ptrdiff_t>(chain.size() / 2);
    out.emplace_back(chain.begin(), chain.begin() + half);
    out.emplace_back(chain.end() - half, chain.end());
  }
  return out;
}

/// z = Phi^-1((r - 3/8) / (S + 1/4)), r the rank among all S draws, ties at their mean rank.
Chains rank_normalise(const Chains& chains) {
  std::vector<std::pair<double, std::pair<size_t, size_t>>> all;
  for (size_t c = 0; c < chains.size(); ++c) {
    for (size_t i = 0; i < chains[c].size(); ++i) all.push_back({chains[c][i], {c, i}});
  }
  std::sort(all.begin(), all.end());
  Chains out = chains;
  const auto total = static_cast<double>(all.size());
  for (size_t begin = 0; begin < all.size();) {
    size_t end = begin;
    while (end < all.size() && all[end].first == all[begin].first) ++end;
    const double rank = 0.5 * static_cast<double>(begin + end + 1);
    const double z = standard_normal_quantile((rank - 0.375) / (total + 0.25));
    for (size_t k = begin; k < end; ++k) out[all[k].second.first][all[k].second.second] = z;
    begin = end;
  }
  return out;
}

double mean_of(std::span<const double> x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double variance_of(std::span<const double> x) {
  const double mean = mean_of(x);
  double sum = 0;
  for (const double v : x) sum += (v - mean) * (v - mean);
  return sum / static_cast<double>(x.size() - 1);
}

/// Within-chain variance W and the estimate var+ = (n - 1)/n W + B/n of the marginal variance.
struct Variances {
  double within;
  double marginal;
};

Variances variances(const Chains& chains) {
  const auto n = static_cast<double>(chains[0].size());
  std::vector<double> means;
  std::vector<double> within;
  for (const auto& chain : chains) {
    means.push_back(mean_of(chain));
    within.push_back(variance_of(chain));
  }
  const double w = mean_of(within);
  return {w, (n - 1) / n * w + (means.size() > 1 ? variance_of(means) : 0.0)};
}

bool usable(std::span<const std::vector<double>> chains) {
  if (chains.empty() || chains[0].size() < 4) return false;
  bool varies = false;
  for (const auto& chain : chains) {
    if (chain.size() != chains[0].size() || !all_finite(chain)) return false;
    varies = varies ||
             std::any_of(chain.begin(), chain.end(), [&](double v) { return v != chains[0][0]; });
  }
  return varies;
}

double autocovariance(std::span<const double> x, double mean, size_t lag) {
  double sum = 0;
  for (size_t i = 0; i + lag < x.size(); ++i) sum += (x[i] - mean) * (x[i + lag] - mean);
  return sum / static_cast<double>(x.size());
}

double effective_size(const Chains& chains) {
  const size_t n = chains[0].size();
  const double total = static_cast<double>(n * chains.size());
  const Variances v = variances(chains);
  std::vector<double> means;
  for (const auto& chain : chains) means.push_back(mean_of(chain));
  const auto correlation = [&](size_t lag) {
    double sum = 0;
    for (size_t c = 0; c < chains.size(); ++c) sum += autocovariance(chains[c], means[c], lag);
    const double unbiased = sum / static_cast<double>(chains.size()) * static_cast<double>(n) /
                            static_cast<double>(n - 1);
    return 1 - (v.within - unbiased) / v.marginal;
  };
  // Sums of neighbouring pairs are positive and decreasing in theory; the first that is not ends
  // the sum.
  double tau = -1;
  double smallest = std::numeric_limits<double>::infinity();
  for (size_t lag = 0; lag + 1 < n; lag += 2) {
    const double pair = (lag == 0 ? 1.0 : correlation(lag)) + correlation(lag + 1);
    if (!(pair > 0)) break;
    smallest = std::min(smallest, pair);
    tau += 2 * smallest;
  }
  return total / std::max(tau, 1 / std::log10(total));
}

double plain_rhat(const Chains& chains) {
  const Variances v = variances(chains);
  return std::sqrt(v.marginal / v.within);
}

}  // namespace

double standard_normal_quantile(double p) {
  if (!(p >= 0 && p <= 1)) return kNan;
  if (p == 0) return -std::numeric_limits<double>::infinity();
  if (p == 1) return std::numeric_limits<double>::infinity();
  if (p == 0.5) return 0;
  if (p > 0.5) return -standard_normal_quantile(1 - p);
  // A start with absolute error below 4.5e-4 [Abramowitz and Stegun, 26.2.23], then Halley steps on
  // Phi(x) - p, each of which cubes the error.
  const double t = std::sqrt(-2 * std::log(p));
  double x = (2.515517 + t * (0.802853 + t * 0.010328)) /
                 (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
             t;
  for (int step = 0; step < 2; ++step) {
    const double error = 0.5 * std::erfc(-x / std::numbers::sqrt2) - p;
    const double u = error * std::sqrt(2 * std::numbers::pi) * std::exp(0.5 * x * x);
    x -= u / (1 + 0.5 * x * u);
  }
  return x;
}

double quantile_sorted(std::span<const double> x, double p) {
  if (x.empty()) return kNan;
  const double h = p * static_cast<double>(x.size() - 1);
  const auto below = static_cast<size_t>(h);
  if (below + 1 >= x.size()) return x.back();
  const double share = h - static_cast<double>(below);
  // With an infinite neighbour of share 0, the product would be NaN.
  return share == 0 ? x[below] : x[below] + share * (x[below + 1] - x[below]);
}

double quantile_sorted(std::span<const double> x, std::span<const double> weights, double p) {
  if (x.empty()) return kNan;
  double squares = 0;
  for (const double w : weights) squares += w * w;
  const double n = 1 / squares;  // Kish's effective size
  const double h = p * (n - 1) + 1;
  const auto share_below = [&](double u) { return std::clamp(u * n - h + 1, 0.0, 1.0); };
  double out = 0;
  double cumulative = 0;
  double before = share_below(0);
  for (size_t i = 0; i < x.size(); ++i) {
    // The last sum is 1 by definition: rounding must not lose its share.
    cumulative = i + 1 == x.size() ? 1.0 : std::min(cumulative + weights[i], 1.0);
    const double after = i + 1 == x.size() ? 1.0 : share_below(cumulative);
    if (after > before) out += (after - before) * x[i];
    before = after;
  }
  return out;
}

double ess_bulk(std::span<const std::vector<double>> chains) {
  if (!usable(chains)) return kNan;
  return effective_size(rank_normalise(split(chains)));
}

double ess_mean(std::span<const std::vector<double>> chains) {
  if (!usable(chains)) return kNan;
  return effective_size(split(chains));
}

double rhat(std::span<const std::vector<double>> chains) {
  if (!usable(chains)) return kNan;
  const Chains halves = split(chains);
  std::vector<double> all;
  for (const auto& chain : halves) all.insert(all.end(), chain.begin(), chain.end());
  std::sort(all.begin(), all.end());
  const double median = quantile_sorted(all, 0.5);
  Chains folded = halves;
  for (auto& chain : folded) {
    for (double& v : chain) v = std::fabs(v - median);
  }
  return std::max(plain_rhat(rank_normalise(halves)), plain_rhat(rank_normalise(folded)));
}

std::vector<ParameterSummary> summarise(const Draws& draws) {
  const std::vector<double> weights = normalised(draws.log_weights);
  std::vector<ParameterSummary> out;
  out.reserve(draws.num_columns());
  for (size_t k = 0; k < draws.num_columns(); ++k) {
    std::vector<double> x = draws.column(k);
    out.push_back(weights.empty() ? summarise_equal(std::move(x)) : summarise_weighted(x, weights));
    out.back().name = bracket_name(draws.columns()[k]);
  }
  return out;
}

std::vector<ParameterSummary> summarise_chains(std::span<const Draws* const> chains) {
  if (chains.empty()) return {};
  for (const Draws* chain : chains) {
    if (chain->columns() != chains[0]->columns()) {
      throw Error(Error::Kind::kInput,
                  "The files have different columns; chains of one model have the same.");
    }
  }
  std::vector<ParameterSummary> out;
  for (size_t k = 0; k < chains[0]->num_columns(); ++k) {
    Chains columns;
    std::vector<double> pooled;
    for (const Draws* chain : chains) {
      columns.push_back(chain->column(k));
      pooled.insert(pooled.end(), columns.back().begin(), columns.back().end());
    }
    ParameterSummary row = summarise_equal(std::move(pooled));
    row.name = bracket_name(chains[0]->columns()[k]);
    row.ess = ess_bulk(columns);
    row.rhat = rhat(columns);
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace vinci::draws
