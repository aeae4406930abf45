// Robust, automated and accurate black-box variational inference.
#pragma once

#include <vector>

#include "infer/method/faso.h"

namespace vinci::infer {

struct RaabbviOptions {
  FasoOptions stage;       // each rate's run; its mcse tolerance is that of the first
  double shrink = 0.5;     // of the rate, and of the tolerance, from stage to stage
  double tolerance = 0.1;  // root of the symmetric divergence that is small enough, nats^(1/2)
  Index least_iterations = 1000;  // that a further stage may cost whatever those before it cost
  Index max_stages = 12;
};

struct RaabbviStage {
  double rate = 0;
  Index iterations = 0;
  /// KL(q || q') + KL(q' || q) between this average and that of the stage before; NaN at the first.
  double divergence = 0;
  FasoResult run;
};

struct RaabbviResult {
  std::vector<double> lambda;
  diagnose::Estimate objective;
  std::vector<RaabbviStage> stages;
  Index iterations = 0;
  bool converged = false;  // by the rule below; otherwise cut off
  /// Estimated symmetric divergence from the optimum, c rate^{2 kappa}; NaN before three stages.
  double distance = 0;
};

/// Runs `fixed_rate_vi` at rates that halve, from average to average. The distance to the optimum
/// is modelled as SKL = c rate^{2 kappa}, so that successive averages satisfy log SKL_k = log c + 2
/// log (1/shrink^kappa - 1) + 2 kappa log rate_k: a weighted regression (weights (1 + n^2/9)^{-1/4}
/// for the stage n back) gives c and kappa in (0, 1]. Stops when the relative improvement that a
/// further halving promises is not worth its predicted iterations: (shrink^kappa + tolerance /
/// (sqrt c rate^kappa)) x predicted / (done + least_iterations) > 1. [Welandawe, Andersen, Vehtari,
/// Huggins 2022, arXiv 2203.15945, sec. 4, algorithm 3]
RaabbviResult raabbvi(Objective& objective, const ParametricFamily& family,
                      GradientEstimator& estimator, Optimizer& optimizer,
                      const RaabbviOptions& options, numeric::RandomKey key);

/// KL(a || b) + KL(b || a): in closed form between mean-field or full-rank normals, else from
/// `draws` draws of each. Nats.
double symmetric_divergence(const Family& a, const Family& b, Index draws, numeric::RandomKey key);

}  // namespace vinci::infer
