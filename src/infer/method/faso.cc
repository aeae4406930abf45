#include "infer/method/faso.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "diagnose/rhat.h"
#include "infer/dense.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

constexpr Index kFisherDraws = 256;
constexpr uint32_t kFisherStep = 0xFFFFFFFFu;

/// Iterates of the monitored parameters, and sums of all of them at every look.
class History {
 public:
  History(Index size, Index window, Index max_monitored) : window_(window) {
    const Index count = std::min(size, max_monitored);
    for (Index i = 0; i < count; ++i) monitored_.push_back(i * size / count);
    values_.resize(monitored_.size());
    sums_.push_back(Vector::Zero(size));
    running_ = Vector::Zero(size);
  }

  void add(const std::vector<double>& lambda, double objective) {
    for (size_t i = 0; i < monitored_.size(); ++i) {
      values_[i].push_back(lambda[static_cast<size_t>(monitored_[i])]);
    }
    objectives_.push_back(objective);
    running_ += map_vector(lambda);
    if (size() % window_ == 0) sums_.push_back(running_);
  }

  Index size() const { return static_cast<Index>(objectives_.size()); }
  bool is_look() const { return size() % window_ == 0; }
  const std::vector<Index>& monitored() const { return monitored_; }

  /// The last `length` values of monitored parameter i.
  std::span<const double> tail(size_t i, Index length) const {
    return std::span(values_[i]).last(static_cast<size_t>(length));
  }
  std::span<const double> objectives(Index length) const {
    return std::span(objectives_).last(static_cast<size_t>(length));
  }
  /// Average over the last `length` iterates; a multiple of the window, at a look.
  Vector average(Index length) const {
    const auto back = static_cast<size_t>(length / window_);
    return (sums_.back() - sums_[sums_.size() - 1 - back]) / static_cast<double>(length);
  }

  double largest_rhat(Index length) const {
    double worst = 1;
    for (size_t i = 0; i < monitored_.size(); ++i) {
      const double r = diagnose::split_rhat(tail(i, length), 1);
      if (!(r <= worst)) worst = r;  // NaN counts as worse
    }
    return worst;
  }

 private:
  Index window_;
  std::vector<Index> monitored_;
  std::vector<std::vector<double>> values_;
  std::vector<double> objectives_;
  std::vector<Vector> sums_;
  Vector running_;
};

struct Accuracy {
  double mcse = 0, ess = 0;
};

/// Standard error of the mean of dependent numbers, by the means of about sqrt n batches.
/// [Flegal and Jones 2010, doi 10.1214/09-AOS735]
Accuracy batch_means(std::span<const double> x) {
  const auto n = static_cast<double>(x.size());
  const auto length = static_cast<size_t>(std::sqrt(n));
  const size_t batches = x.size() / length;
  const auto used = x.last(batches * length);
  double mean = 0, variance = 0, between = 0;
  for (const double v : used) mean += v;
  mean /= static_cast<double>(used.size());
  for (const double v : used) variance += (v - mean) * (v - mean);
  variance /= static_cast<double>(used.size() - 1);
  for (size_t b = 0; b < batches; ++b) {
    double m = 0;
    for (const double v : used.subspan(b * length, length)) m += v;
    m = m / static_cast<double>(length) - mean;
    between += m * m;
  }
  const double mcse =
      std::sqrt(between / static_cast<double>(batches - 1) / static_cast<double>(batches));
  return {mcse, mcse > 0 ? std::min(n, variance / (mcse * mcse)) : n};
}

/// Root of the diagonal of the Fisher information, E[score^2], at the monitored parameters.
std::vector<double> information(const ParametricFamily& family, const std::vector<double>& lambda,
                                const std::vector<Index>& monitored, numeric::RandomKey key) {
  Matrix points(family.dim(), kFisherDraws), score(family.num_params(), kFisherDraws);
  Vector log_q(kFisherDraws);
  family.at(lambda)->draw(key, kFisherStep, 0, mutable_lanes(points), span_of(log_q));
  family.score(lambda, lanes_of(points), mutable_lanes(score));
  std::vector<double> result;
  for (const Index p : monitored) result.push_back(std::sqrt(score.row(p).array().square().mean()));
  return result;
}

}  // namespace

void FasoOptions::validate(const ParametricFamily& family) const {
  const auto require = [](bool holds, const std::string& message) {
    if (!holds) throw Error(Error::Kind::kUsage, message);
  };
  require(static_cast<Index>(start.size()) == family.num_params(),
          fmt::format("start has {} numbers; the {} takes {}.", start.size(), family.describe(),
                      family.num_params()));
  require(window >= 16, fmt::format("window is {}; it must be at least 16.", window));
  require(candidates >= 1, fmt::format("candidates is {}; it must be at least 1.", candidates));
  require(rhat > 1, fmt::format("rhat is {}; it must be above 1.", rhat));
  require(mcse > 0, fmt::format("mcse is {}; it must be positive.", mcse));
  require(max_iterations >= 1,
          fmt::format("max_iterations is {}; it must be at least 1.", max_iterations));
  require(max_monitored >= 1,
          fmt::format("max_monitored is {}; it must be at least 1.", max_monitored));
}

FasoResult fixed_rate_vi(Objective& objective, const ParametricFamily& family,
                         GradientEstimator& estimator, Optimizer& optimizer,
                         const FasoOptions& options, numeric::RandomKey key, uint32_t first_step) {
  options.validate(family);
  FasoResult result;
  std::vector<double> lambda = options.start, previous;
  const auto size = static_cast<Index>(lambda.size());
  Vector gradient(size);
  History history(size, options.window, options.max_monitored);
  Index length = 0, next_look = options.window;  // of the stationary window, once there is one
  for (Index t = 0; t < options.max_iterations && !objective.should_stop(); ++t) {
    const double value = estimator.estimate(
        objective, family, lambda, key, first_step + static_cast<uint32_t>(t), span_of(gradient));
    if (gradient.allFinite()) {
      previous = lambda;
      optimizer.step(lambda, span_of(std::as_const(gradient)));
      if (!map_vector(lambda).allFinite()) lambda = previous;
    }
    history.add(lambda, value);
    result.iterations = t + 1;
    if (!history.is_look()) continue;
    if (!result.arrived) {
      // Lengths from one window to 95 % of what there is.
      const auto most = static_cast<Index>(0.95 * static_cast<double>(history.size()));
      Index tried = 0;
      for (Index c = 0; c < options.candidates; ++c) {
        const double share =
            options.candidates == 1
                ? 0
                : static_cast<double>(c) / static_cast<double>(options.candidates - 1);
        const auto wish = static_cast<Index>(
            static_cast<double>(options.window) +
            share * static_cast<double>(std::max<Index>(most - options.window, 0)));
        const Index w = wish / options.window * options.window;
        if (w == tried) continue;
        tried = w;
        const double r = history.largest_rhat(w);
        if (r < result.rhat || length == 0) {
          result.rhat = r;
          length = w;
        }
      }
      result.arrived = result.rhat <= options.rhat;
      if (!result.arrived) {
        result.rhat = std::numeric_limits<double>::infinity();
        length = 0;
        continue;
      }
      next_look = length;
    } else {
      length += options.window;
    }
    if (length < next_look) continue;
    const Vector average = history.average(length);
    const std::vector<double> unit = information(family, to_std(average), history.monitored(), key);
    result.mcse = 0;
    double ess = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < unit.size(); ++i) {
      const Accuracy a = batch_means(history.tail(i, length));
      result.mcse = std::max(result.mcse, a.mcse * unit[i]);
      ess = std::min(ess, a.ess);
    }
    result.accurate = result.mcse < options.mcse && ess > options.min_ess;
    if (result.accurate) break;
    next_look = length + std::max(options.window, length / 4);
  }
  result.last = lambda;
  if (length == 0) length = history.size() / 2 / options.window * options.window;
  // After a stop between looks the average is that of the last look; before the first there is only
  // the iterate.
  result.lambda = length > 0 ? to_std(history.average(length)) : lambda;
  result.averaged = length;
  double mean = 0, squares = 0;
  Index count = 0;
  for (const double v : history.objectives(std::min(history.size(), std::max<Index>(length, 1)))) {
    if (!std::isfinite(v)) continue;
    ++count;
    const double d = v - mean;
    mean += d / static_cast<double>(count);
    squares += d * (v - mean);
  }
  const auto n = static_cast<double>(count);
  result.objective = {count > 0 ? mean : -std::numeric_limits<double>::infinity(),
                      std::sqrt(squares / (n - 1) / n)};
  return result;
}

}  // namespace vinci::infer
