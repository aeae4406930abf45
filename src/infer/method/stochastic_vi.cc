#include "infer/method/stochastic_vi.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "infer/dense.h"
#include "infer/method/windows.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

bool all_finite(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); });
}

}  // namespace

void StochasticViOptions::validate(const ParametricFamily& family) const {
  const auto fail = [](const std::string& message) { throw Error(Error::Kind::kUsage, message); };
  if (static_cast<Index>(start.size()) != family.num_params()) {
    fail(fmt::format("start has {} numbers; the {} takes {}.", start.size(), family.describe(),
                     family.num_params()));
  }
  if (!all_finite(start)) fail("start has a number that is not finite.");
  if (max_iterations < 1) {
    fail(fmt::format("max_iterations is {}; it must be at least 1.", max_iterations));
  }
  if (window < 2) fail(fmt::format("window is {}; it must be at least 2.", window));
  if (plateaus < 1) fail(fmt::format("plateaus is {}; it must be at least 1.", plateaus));
  if (!(max_gradient_norm > 0)) {
    fail(fmt::format("max_gradient_norm is {}; it must be positive.", max_gradient_norm));
  }
}

StochasticViResult stochastic_vi(Objective& objective, const ParametricFamily& family,
                                 GradientEstimator& estimator, Optimizer& optimizer,
                                 const StochasticViOptions& options, numeric::RandomKey key) {
  options.validate(family);
  const std::string obstacle = estimator.obstacle(family);
  if (!obstacle.empty()) {
    throw Error(Error::Kind::kUsage, fmt::format("{} does not serve the {}: {}.", estimator.name(),
                                                 family.describe(), obstacle));
  }
  StochasticViResult result;
  std::vector<double> lambda = options.start, previous = lambda;
  const auto size = static_cast<Index>(lambda.size());
  Vector gradient(size), sum = Vector::Zero(size);
  Index averaged = 0, plateaus = 0;
  RunningMean window;
  double last_mean = -std::numeric_limits<double>::infinity(), last_error = 0;
  for (Index t = 0; t < options.max_iterations && !objective.should_stop(); ++t) {
    const double value = estimator.estimate(objective, family, lambda, key,
                                            static_cast<uint32_t>(t), span_of(gradient));
    const double norm = gradient.norm();
    bool moved = std::isfinite(norm);
    if (moved) {
      if (norm > options.max_gradient_norm) gradient *= options.max_gradient_norm / norm;
      previous = lambda;
      optimizer.step(lambda, span_of(std::as_const(gradient)));
      moved = all_finite(lambda);
      if (!moved) lambda = previous;
    }
    if (!moved) ++result.skipped;
    sum += map_vector(lambda);
    ++averaged;
    result.iterations = t + 1;
    if (options.on_iteration) options.on_iteration(t, lambda, value);
    // A batch without any finite density counts as very bad, but leaves the mean a number.
    window.add(std::max(value, -1e100));
    if (window.count() < options.window) continue;
    const double error = window.error();
    result.objective = {window.mean(), error};
    const bool rising = window.mean() - last_mean > 2 * std::hypot(error, last_error);
    last_mean = window.mean();
    last_error = error;
    window = {};
    if (rising) continue;
    if (++plateaus == options.plateaus) {
      result.converged = true;
      break;
    }
    optimizer.set_rate(optimizer.rate() / 2);
    sum.setZero();
    averaged = 0;
  }
  result.last = lambda;
  result.lambda = lambda;
  if (options.average && averaged > 0) {
    result.lambda = to_std(Vector(sum / static_cast<double>(averaged)));
  }
  return result;
}

StepSearchResult search_step_size(Objective& objective, const ParametricFamily& family,
                                  GradientEstimator& estimator,
                                  const std::function<OptimizerPtr(double)>& make_optimizer,
                                  std::span<const double> rates, Index iterations,
                                  const StochasticViOptions& options, numeric::RandomKey key) {
  StepSearchResult result;
  for (const double rate : rates) {
    const OptimizerPtr optimizer = make_optimizer(rate);
    RunningMean tail;
    bool finite = true;
    StochasticViOptions trial = options;
    trial.max_iterations = iterations;
    trial.plateaus = iterations;  // the rate stays
    trial.window = iterations + 1;
    trial.on_iteration = [&](Index t, std::span<const double>, double value) {
      if (4 * (t + 1) <= 3 * iterations) return;
      finite = finite && std::isfinite(value);
      if (finite) tail.add(value);
    };
    stochastic_vi(objective, family, estimator, *optimizer, trial, key);
    const double value =
        finite && tail.count() > 0 ? tail.mean() : -std::numeric_limits<double>::infinity();
    result.objectives.push_back(value);
    if (value > result.objective) {
      result.objective = value;
      result.rate = rate;
    }
  }
  return result;
}

}  // namespace vinci::infer
