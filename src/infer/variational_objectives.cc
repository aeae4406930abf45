#include "infer/variational_objectives.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"
#include "infer/dense.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The mean of value(i), i < n, and its standard error; -inf where a value is not finite.
template <class Value>
diagnose::Estimate mean_of(size_t n, const Value& value) {
  VINCI_CHECK(n > 0);
  double mean = 0, squares = 0;
  for (size_t i = 0; i < n; ++i) {
    const double v = value(i);
    if (!std::isfinite(v)) return {-kInfinity, std::numeric_limits<double>::quiet_NaN()};
    const double d = v - mean;
    mean += d / static_cast<double>(i + 1);
    squares += d * (v - mean);
  }
  const auto count = static_cast<double>(n);
  return {mean, std::sqrt(squares / (count - 1) / count)};
}

/// log (1/n) sum e^{scale x}, and the squared coefficient of variation of the addends.
struct LogMean {
  double value, cv2;
};
LogMean log_mean_exp(std::span<const double> x, double scale) {
  double top = -kInfinity;
  for (const double v : x) top = std::max(top, scale * v);
  if (!std::isfinite(top)) return {top, 0};
  double sum = 0, squares = 0;
  for (const double v : x) {
    const double w = std::exp(scale * v - top);
    sum += w;
    squares += w * w;
  }
  const auto n = static_cast<double>(x.size());
  const double cv2 = n > 1 ? (squares * n / (sum * sum) - 1) * n / (n - 1) : std::nan("");
  return {top + std::log(sum / n), std::max(cv2, 0.0)};
}

}  // namespace

diagnose::Estimate elbo_from_energy(std::span<const double> log_p, double entropy) {
  return mean_of(log_p.size(), [&](size_t i) { return log_p[i] + entropy; });
}

diagnose::Estimate elbo_from_reconstruction(std::span<const double> log_likelihood,
                                            double kl_to_prior) {
  return mean_of(log_likelihood.size(), [&](size_t i) { return log_likelihood[i] - kl_to_prior; });
}

diagnose::Estimate elbo_from_reconstruction(std::span<const double> log_likelihood,
                                            std::span<const double> log_prior,
                                            std::span<const double> log_q) {
  VINCI_CHECK(log_prior.size() == log_likelihood.size() && log_q.size() == log_prior.size());
  return mean_of(log_q.size(),
                 [&](size_t i) { return log_likelihood[i] - (log_q[i] - log_prior[i]); });
}

diagnose::Estimate elbo_from_evidence(double log_evidence, std::span<const double> log_posterior,
                                      std::span<const double> log_q) {
  VINCI_CHECK(log_posterior.size() == log_q.size());
  return mean_of(log_q.size(),
                 [&](size_t i) { return log_evidence - (log_q[i] - log_posterior[i]); });
}

diagnose::Estimate tempered_elbo(std::span<const double> log_p, std::span<const double> log_q,
                                 double temperature) {
  VINCI_CHECK(log_p.size() == log_q.size());
  return mean_of(log_q.size(), [&](size_t i) { return temperature * log_p[i] - log_q[i]; });
}

diagnose::Estimate importance_weighted_bound(std::span<const double> log_ratios, Index k) {
  if (k < 1 || k > static_cast<Index>(log_ratios.size())) {
    throw Error(Error::Kind::kUsage,
                fmt::format("k is {}; a bound of {} draws takes k from 1 to {}.", k,
                            log_ratios.size(), log_ratios.size()));
  }
  const auto group = static_cast<size_t>(k);
  return mean_of(log_ratios.size() / group, [&](size_t i) {
    return log_mean_exp(log_ratios.subspan(i * group, group), 1).value;
  });
}

BiasedEstimate renyi_bound(std::span<const double> log_ratios, double alpha) {
  if (!(alpha < 1)) {
    throw Error(
        Error::Kind::kUsage,
        fmt::format("alpha is {}; it must be below 1 (the ELBO is its limit there).", alpha));
  }
  VINCI_CHECK(!log_ratios.empty());
  const double power = 1 - alpha;
  const LogMean mean = log_mean_exp(log_ratios, power);
  const auto n = static_cast<double>(log_ratios.size());
  return {mean.value / power, std::sqrt(mean.cv2 / n) / power, -mean.cv2 / (2 * n * power)};
}

BiasedEstimate cubo(std::span<const double> log_ratios, double order) {
  if (!(order >= 1)) {
    throw Error(Error::Kind::kUsage,
                fmt::format("the order is {}; an upper bound takes at least 1.", order));
  }
  return renyi_bound(log_ratios, 1 - order);
}

diagnose::Estimate fisher_divergence(LaneMatrix log_p_gradient, LaneMatrix log_q_gradient) {
  const ConstStridedMap p = map_lanes(log_p_gradient), q = map_lanes(log_q_gradient);
  const Vector squares = (p - q).colwise().squaredNorm();
  return mean_of(static_cast<size_t>(squares.size()),
                 [&](size_t i) { return squares[static_cast<Index>(i)]; });
}

double kl_divergence(const MeanFieldNormal& q, const MeanFieldNormal& p) {
  VINCI_CHECK(q.dim() == p.dim());
  double sum = 0;
  for (size_t i = 0; i < q.mean().size(); ++i) {
    const double ratio = q.sd()[i] / p.sd()[i], shift = (q.mean()[i] - p.mean()[i]) / p.sd()[i];
    sum += 0.5 * (ratio * ratio + shift * shift - 1) - std::log(ratio);
  }
  return sum;
}

double kl_divergence(const FullRankNormal& q, const FullRankNormal& p) {
  VINCI_CHECK(q.dim() == p.dim());
  const Index n = q.dim();
  const auto root = map_square(p.factor(), n).triangularView<Eigen::Lower>();
  const Matrix relative = root.solve(Matrix(map_square(q.factor(), n)));
  const Vector shift = root.solve(Vector(map_vector(q.mean()) - map_vector(p.mean())));
  return 0.5 * (relative.squaredNorm() + shift.squaredNorm() - static_cast<double>(n)) -
         relative.diagonal().array().log().sum();
}

double discrete_entropy(std::span<const double> probabilities) {
  double sum = 0;
  for (const double p : probabilities) {
    if (p > 0) sum -= p * std::log(p);
  }
  return sum;
}

}  // namespace vinci::infer
