#include "diagnose/psis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace vinci::diagnose {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::ptrdiff_t kMinTail = 5;

// Ratios that agree to this relative accuracy are constant for every purpose: their differences are
// what rounding left of log p - log q, and a shape fitted to them means nothing.
constexpr double kConstantSpread = 1e-6;

std::ptrdiff_t tail_length(std::ptrdiff_t n) {
  const auto x = static_cast<double>(n);
  return static_cast<std::ptrdiff_t>(n > 225 ? 3 * std::sqrt(x) : x / 5);
}

/// The `length` largest of `sorted` minus the largest of the others, zeros left out.
std::vector<double> tail_excesses(std::span<const double> sorted, std::ptrdiff_t length) {
  const auto n = static_cast<std::ptrdiff_t>(sorted.size());
  const double cutoff = sorted[static_cast<size_t>(n - length - 1)];
  std::vector<double> excesses;
  excesses.reserve(static_cast<size_t>(length));
  for (std::ptrdiff_t i = n - length; i < n; ++i) {
    const double x = sorted[static_cast<size_t>(i)] - cutoff;
    if (x > 0) excesses.push_back(x);
  }
  return excesses;
}

double pareto_quantile(const ParetoFit& fit, double p) {
  const double t = -std::log1p(-p);
  // |k| t < 1e-8: expm1(k t)/k = t (1 + k t/2 + ...) is t to 1e-8.
  return std::abs(fit.k) * t < 1e-8 ? fit.sigma * t : fit.sigma * std::expm1(fit.k * t) / fit.k;
}

}  // namespace

ParetoFit fit_generalized_pareto(std::span<const double> x) {
  const auto n = static_cast<double>(x.size());
  const auto m = static_cast<size_t>(30 + std::floor(std::sqrt(n)));
  const double quartile = x[static_cast<size_t>(std::floor(n / 4 + 0.5)) - 1];
  std::vector<double> theta(m), profile(m);
  const auto shape = [&](double t) {
    double k = 0;
    for (const double xi : x) k += std::log1p(-t * xi);
    return k / n;
  };
  for (size_t j = 0; j < m; ++j) {
    theta[j] =
        1 / x.back() +
        (1 - std::sqrt(static_cast<double>(m) / (static_cast<double>(j) + 0.5))) / (3 * quartile);
    const double k = shape(theta[j]);
    profile[j] = n * (std::log(-theta[j] / k) - k - 1);
    // theta = 0 is the exponential distribution, where the formula is 0/0.
    if (std::isnan(profile[j])) profile[j] = -kInfinity;
  }
  const double largest = *std::max_element(profile.begin(), profile.end());
  double total = 0, mean = 0;
  for (size_t j = 0; j < m; ++j) {
    const double weight = std::exp(profile[j] - largest);
    total += weight;
    mean += weight * theta[j];
  }
  mean /= total;
  const double k = shape(mean);
  return {(k * n + 0.5 * 10) / (n + 10), -k / mean};
}

double upper_tail_khat(std::span<const double> values) {
  const auto n = static_cast<std::ptrdiff_t>(values.size());
  const std::ptrdiff_t length = tail_length(n);
  if (length < kMinTail) return kNan;
  std::vector<double> sorted(values.begin(), values.end());
  for (const double v : sorted) {
    if (std::isnan(v)) return kNan;
  }
  // Only the tail has to be in order.
  const auto tail = sorted.end() - length;
  std::nth_element(sorted.begin(), tail - 1, sorted.end());
  std::sort(tail, sorted.end());
  if (!std::isfinite(sorted.back())) return kInfinity;
  const std::vector<double> excesses = tail_excesses(sorted, length);
  const double least = *std::min_element(sorted.begin(), tail);
  const double scale = std::max(std::abs(sorted.back()), std::abs(least));
  if (static_cast<std::ptrdiff_t>(excesses.size()) < kMinTail ||
      excesses.back() <= kConstantSpread * scale) {
    return -kInfinity;
  }
  return fit_generalized_pareto(excesses).k;
}

double khat_threshold(std::ptrdiff_t num_draws) {
  if (num_draws < 2) return 0;
  return std::clamp(1 - 1 / std::log10(static_cast<double>(num_draws)), 0.0, 0.7);
}

Psis smooth_importance_weights(std::span<const double> log_ratios) {
  Psis result;
  const auto n = static_cast<std::ptrdiff_t>(log_ratios.size());
  result.threshold = khat_threshold(n);
  std::vector<std::ptrdiff_t> order;  // draws with a finite ratio, ascending
  order.reserve(log_ratios.size());
  for (std::ptrdiff_t s = 0; s < n; ++s) {
    if (std::isfinite(log_ratios[static_cast<size_t>(s)])) order.push_back(s);
  }
  result.num_nonfinite = n - static_cast<std::ptrdiff_t>(order.size());
  if (order.empty()) {
    result.khat = kInfinity;
    result.log_mean_ratio = -kInfinity;
    result.log_mean_ratio_error = kInfinity;
    return result;
  }
  std::sort(order.begin(), order.end(), [&](std::ptrdiff_t a, std::ptrdiff_t b) {
    const double x = log_ratios[static_cast<size_t>(a)], y = log_ratios[static_cast<size_t>(b)];
    return x < y || (x == y && a < b);
  });
  const double largest = log_ratios[static_cast<size_t>(order.back())];

  // Zero ratios belong to the sample: they lie below every finite one.
  std::vector<double> sorted(static_cast<size_t>(result.num_nonfinite), 0.0);
  sorted.reserve(log_ratios.size());
  for (const std::ptrdiff_t s : order) {
    sorted.push_back(std::exp(log_ratios[static_cast<size_t>(s)] - largest));
  }
  const std::ptrdiff_t length = tail_length(n);
  if (length < kMinTail) {
    result.too_few = true;
    result.khat = kNan;
  } else if (1 - sorted.front() < kConstantSpread) {
    result.constant = true;
  } else {
    const std::vector<double> excesses = tail_excesses(sorted, length);
    const auto tail = static_cast<std::ptrdiff_t>(excesses.size());
    if (tail < kMinTail || excesses.back() < kConstantSpread) {
      // The upper tail is flat, as for a ratio that is bounded and attains its bound: all the best
      // a tail can be.
      result.khat = tail < kMinTail && excesses.size() > 0 ? kNan : -kInfinity;
      result.too_few = std::isnan(result.khat);
    } else {
      const ParetoFit fit = fit_generalized_pareto(excesses);
      result.khat = fit.k;
      const double cutoff = sorted[static_cast<size_t>(n - length - 1)];
      for (std::ptrdiff_t j = 0; j < tail; ++j) {
        const double p = (static_cast<double>(j) + 0.5) / static_cast<double>(tail);
        sorted[static_cast<size_t>(n - tail + j)] = std::min(cutoff + pareto_quantile(fit, p), 1.0);
      }
    }
  }

  result.weights.assign(log_ratios.size(), 0.0);
  double total = 0, squares = 0;
  for (const double w : sorted) total += w;
  for (size_t i = 0; i < order.size(); ++i) {
    const double w = sorted[sorted.size() - order.size() + i] / total;
    result.weights[static_cast<size_t>(order[i])] = w;
    squares += w * w;
  }
  const auto count = static_cast<double>(n);
  result.ess = 1 / squares;
  result.log_mean_ratio = largest + std::log(total / count);
  // Var(mean of w / E w) = (n sum of squared normalised weights - 1) / n.
  result.log_mean_ratio_error = std::sqrt(std::max(0.0, count * squares - 1) / count);
  return result;
}

WeightedEstimate weighted_estimate(const Psis& psis, std::span<const double> values) {
  WeightedEstimate e;
  const std::span<const double> w = psis.weights;
  if (w.size() != values.size() || w.empty()) return {kNan, kNan, kNan, kInfinity};
  for (size_t s = 0; s < w.size(); ++s) e.mean += w[s] > 0 ? w[s] * values[s] : 0;
  double variance = 0, error = 0;
  std::vector<double> product(w.size(), 0.0), negated(w.size(), 0.0);
  for (size_t s = 0; s < w.size(); ++s) {
    if (!(w[s] > 0)) continue;
    const double d = values[s] - e.mean;
    variance += w[s] * d * d;
    error += w[s] * w[s] * d * d;
    product[s] = w[s] * d;
    negated[s] = -product[s];
  }
  e.sd = std::sqrt(variance);
  e.mcse = std::sqrt(error);
  e.khat = psis.khat;
  // std::max keeps its first argument where the second is NaN.
  e.khat = std::max(e.khat, upper_tail_khat(product));
  e.khat = std::max(e.khat, upper_tail_khat(negated));
  return e;
}

std::vector<std::ptrdiff_t> systematic_resample(std::span<const double> weights,
                                                std::ptrdiff_t count, double uniform) {
  std::vector<std::ptrdiff_t> indices;
  if (weights.empty() || count <= 0) return indices;
  indices.reserve(static_cast<size_t>(count));
  double cumulative = 0;
  std::ptrdiff_t last = 0;
  for (size_t s = 0; s < weights.size(); ++s) {
    if (!(weights[s] > 0)) continue;
    last = static_cast<std::ptrdiff_t>(s);
    cumulative += weights[s] * static_cast<double>(count);
    while (static_cast<std::ptrdiff_t>(indices.size()) < count &&
           static_cast<double>(indices.size()) + uniform < cumulative) {
      indices.push_back(last);
    }
  }
  // Rounding may leave the sum of the weights short of 1 by an ulp.
  while (static_cast<std::ptrdiff_t>(indices.size()) < count) indices.push_back(last);
  return indices;
}

}  // namespace vinci::diagnose
