// Black-box variational inference: any family, any gradient estimator, any optimiser.
#pragma once

#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "diagnose/verdict.h"
#include "infer/estimator/estimator.h"
#include "infer/family/parametric_family.h"
#include "infer/objective.h"
#include "infer/optimizer/optimizer.h"

namespace vinci::infer {

struct StochasticViOptions {
  std::vector<double> start;  // lambda, [P]
  Index max_iterations = 20000;
  Index window = 50;    // iterations between looks at the objective
  Index plateaus = 6;   // stops at this many; the rate is halved at each
  bool average = true;  // return the mean of the iterates since the last plateau, else the last one
  /// Gradients of a larger norm are shortened to it.
  double max_gradient_norm = std::numeric_limits<double>::infinity();
  /// Called after each iteration with its number (from 0), lambda and the estimated objective.
  std::function<void(Index, std::span<const double>, double)> on_iteration;

  /// Throws vinci::Error (kUsage) naming the field and the rule.
  void validate(const ParametricFamily& family) const;
};

struct StochasticViResult {
  std::vector<double> lambda;    // the result
  std::vector<double> last;      // the last iterate
  diagnose::Estimate objective;  // nats, of the iterates of the last window, in passing
  Index iterations = 0;
  Index skipped = 0;  // iterations whose gradient was not finite, and that moved nothing
  bool converged = false;
};

/// Ascends the objective of `estimator` over lambda. A window of iterations whose mean objective
/// does not exceed that of the window before it by twice the standard error of the difference is a
/// plateau: the rate is halved there, and the average of iterates starts anew. Ends at the last
/// plateau (`converged`), when the iterations are used up, or when `objective` says to stop. The
/// optimiser's rate is that of the first stage; afterwards it is the last one's.
/// Throws vinci::Error (kUsage) for options out of range or an estimator that cannot serve the
/// family. [the schedule after Welandawe, Andersen, Vehtari, Huggins 2022, arXiv 2203.15945, in
/// simple form; averaging: Polyak and Juditsky 1992, doi 10.1137/0330046]
StochasticViResult stochastic_vi(Objective& objective, const ParametricFamily& family,
                                 GradientEstimator& estimator, Optimizer& optimizer,
                                 const StochasticViOptions& options, numeric::RandomKey key);

struct StepSearchResult {
  double rate = 0;  // 0: no rate gave a finite objective
  double objective = -std::numeric_limits<double>::infinity();
  std::vector<double> objectives;  // of each rate
};

/// Tries each rate for `iterations` steps from `options.start` and takes the one whose last quarter
/// has the highest mean objective. [Agrawal, Sheldon, Domke 2020, arXiv 2006.10343, sec. 3.2; there
/// the rates are 0.1 / 4^k / D, k = 0, ..., 4]
StepSearchResult search_step_size(Objective& objective, const ParametricFamily& family,
                                  GradientEstimator& estimator,
                                  const std::function<OptimizerPtr(double)>& make_optimizer,
                                  std::span<const double> rates, Index iterations,
                                  const StochasticViOptions& options, numeric::RandomKey key);

}  // namespace vinci::infer
