#include "infer/method/raabbvi.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "infer/dense.h"
#include "infer/variational_objectives.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

constexpr Index kDivergenceDraws = 1000;

/// SKL = c rate^{2 kappa}.
struct Decay {
  double log_c = 0, kappa = 1;
};

/// Weight of what is n stages old.
double weight_of_age(size_t n) {
  const auto age = static_cast<double>(n);
  return std::pow(1 + age * age / 9, -0.25);
}

/// Least squares over kappa on a grid; log c in closed form for each. Stages from the second on.
Decay fit_decay(const std::vector<RaabbviStage>& stages, double shrink) {
  Decay best;
  double least = std::numeric_limits<double>::infinity();
  for (double kappa = 0.05; kappa < 1.001; kappa += 0.05) {
    double total = 0, mean = 0, squares = 0;
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t k = 1; k < stages.size(); ++k) {
        const double w = weight_of_age(stages.size() - 1 - k);
        // A divergence of zero (nothing moved) is as good as a very small one.
        const double rest = std::log(std::max(stages[k].divergence, 1e-300)) -
                            2 * std::log(std::pow(shrink, -kappa) - 1) -
                            2 * kappa * std::log(stages[k].rate);
        if (pass == 0) {
          total += w;
          mean += w * rest;
        } else {
          squares += w * (rest - mean) * (rest - mean);
        }
      }
      if (pass == 0) mean /= total;
    }
    if (squares < least) {
      least = squares;
      best = {mean, kappa};
    }
  }
  return best;
}

/// Iterations that the next rate will take: log-linear in the rate, never fewer as it falls.
double predict_iterations(const std::vector<RaabbviStage>& stages, double next_rate) {
  double w = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (size_t k = 0; k < stages.size(); ++k) {
    const double wk = weight_of_age(stages.size() - 1 - k);
    const double xk = std::log(stages[k].rate);
    const double yk = std::log(static_cast<double>(std::max<Index>(stages[k].iterations, 1)));
    w += wk;
    x += wk * xk;
    y += wk * yk;
    xx += wk * xk * xk;
    xy += wk * xk * yk;
  }
  const double spread = xx - x * x / w;
  const double slope = spread > 0 ? std::min(0.0, (xy - x * y / w) / spread) : 0;
  return std::exp(y / w + slope * (std::log(next_rate) - x / w));
}

double divergence_by_draws(const Family& a, const Family& b, Index draws, numeric::RandomKey key) {
  double sum = 0;
  uint32_t step = 0;
  for (const auto& [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    Matrix z(a.dim(), draws);
    Vector own(draws), other(draws);
    from->draw(key, step++, 0, mutable_lanes(z), span_of(own));
    to->log_q(lanes_of(z), span_of(other));
    sum += (own - other).mean();
  }
  return std::max(sum, 0.0);
}

}  // namespace

double symmetric_divergence(const Family& a, const Family& b, Index draws, numeric::RandomKey key) {
  if (const auto* p = dynamic_cast<const MeanFieldNormal*>(&a)) {
    if (const auto* q = dynamic_cast<const MeanFieldNormal*>(&b)) {
      return kl_divergence(*p, *q) + kl_divergence(*q, *p);
    }
  }
  if (const auto* p = dynamic_cast<const FullRankNormal*>(&a)) {
    if (const auto* q = dynamic_cast<const FullRankNormal*>(&b)) {
      return kl_divergence(*p, *q) + kl_divergence(*q, *p);
    }
  }
  return divergence_by_draws(a, b, draws, key);
}

RaabbviResult raabbvi(Objective& objective, const ParametricFamily& family,
                      GradientEstimator& estimator, Optimizer& optimizer,
                      const RaabbviOptions& options, numeric::RandomKey key) {
  if (!(options.shrink > 0 && options.shrink < 1)) {
    throw Error(Error::Kind::kUsage,
                fmt::format("shrink is {}; it must be between 0 and 1.", options.shrink));
  }
  if (!(options.tolerance > 0)) {
    throw Error(Error::Kind::kUsage,
                fmt::format("tolerance is {}; it must be positive.", options.tolerance));
  }
  RaabbviResult result;
  result.distance = std::numeric_limits<double>::quiet_NaN();
  FasoOptions stage = options.stage;
  FamilyPtr before;
  uint32_t first_step = 0;
  for (Index k = 0; k < options.max_stages && !objective.should_stop(); ++k) {
    RaabbviStage record;
    record.rate = optimizer.rate();
    optimizer.reset();
    record.run = fixed_rate_vi(objective, family, estimator, optimizer, stage, key, first_step);
    first_step += static_cast<uint32_t>(record.run.iterations);
    record.iterations = record.run.iterations;
    result.iterations += record.iterations;
    result.lambda = record.run.lambda;
    result.objective = record.run.objective;
    const FamilyPtr now = family.at(result.lambda);
    record.divergence = before ? symmetric_divergence(*now, *before, kDivergenceDraws,
                                                      {key.seed, key.stream ^ 0x40000000u})
                               : std::numeric_limits<double>::quiet_NaN();
    before = now;
    result.stages.push_back(record);
    stage.start = result.lambda;
    stage.mcse *= options.shrink;
    if (result.stages.size() >= 3) {
      const Decay decay = fit_decay(result.stages, options.shrink);
      const double rate = record.rate;
      const double root = std::exp(0.5 * decay.log_c) * std::pow(rate, decay.kappa);
      result.distance = root * root;
      const double predicted = predict_iterations(result.stages, rate * options.shrink);
      const double done =
          static_cast<double>(record.iterations) + static_cast<double>(options.least_iterations);
      result.converged =
          (std::pow(options.shrink, decay.kappa) + options.tolerance / root) * predicted / done > 1;
      if (result.converged) break;
    }
    optimizer.set_rate(optimizer.rate() * options.shrink);
  }
  return result;
}

}  // namespace vinci::infer
