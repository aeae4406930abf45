// Stochastic optimisation at a fixed rate that knows when it has arrived and how exact its average
// is.
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

struct FasoOptions {
  std::vector<double> start;  // lambda, [P]
  Index window = 200;         // iterations between looks; the shortest stretch that is judged
  Index candidates = 5;       // window lengths that are tried at each look
  double rhat = 1.1;          // arrived when the largest split R-hat of a window is below
  /// Accurate when no Monte Carlo error of the average exceeds this, in units in which the Fisher
  /// information of the parameter is 1 (for the mean of a normal: its deviation) ...
  double mcse = 0.1;
  double min_ess = 25;  // ... and every parameter has this many effective iterates
  Index max_iterations = 50000;
  Index max_monitored = 1000;  // parameters looked at, evenly spread where there are more

  /// Throws vinci::Error (kUsage) naming the field and the rule.
  void validate(const ParametricFamily& family) const;
};

struct FasoResult {
  std::vector<double> lambda;    // average over the last window
  std::vector<double> last;      // the last iterate
  diagnose::Estimate objective;  // nats, over the last window, in passing
  Index iterations = 0;
  Index averaged = 0;  // length of that window
  bool arrived = false;
  bool accurate = false;
  double rhat = std::numeric_limits<double>::infinity();  // of the window on arrival
  double mcse = std::numeric_limits<double>::infinity();  // at the end, as in the options
};

/// Climbs with the optimiser's rate until the iterates are stationary by split R-hat (over the best
/// of several window lengths), then goes on until their average is exact enough; windows grow by a
/// quarter in between. Throws vinci::Error (kUsage) for options out of range.
/// [Dhaka, Catalina, Andersen, Magnusson, Huggins, Vehtari 2020, arXiv 2009.00666, algorithm 1;
/// Welandawe, Andersen, Vehtari, Huggins 2022, arXiv 2203.15945, algorithm 2]
FasoResult fixed_rate_vi(Objective& objective, const ParametricFamily& family,
                         GradientEstimator& estimator, Optimizer& optimizer,
                         const FasoOptions& options, numeric::RandomKey key,
                         uint32_t first_step = 0);

}  // namespace vinci::infer
