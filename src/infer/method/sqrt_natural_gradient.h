// Natural-gradient ascent of the ELBO in the square root of a full-rank normal's covariance.
#pragma once

#include <cstdint>
#include <limits>

#include "infer/checkpoint.h"
#include "infer/family/full_rank_normal.h"
#include "infer/objective.h"

namespace vinci::infer {

struct NaturalGradientOptions {
  Index batch = 16;  // even: draws come in antithetic pairs; rounded up to a multiple of 4
  double step = 0.5;
  double step_decay = 0.02;  // eta_t = step / (1 + step_decay t)
  Index max_iterations = 4000;
  Index gap_window =
      512;  // evaluations over which the gap estimate is averaged, at first; then half of all
  /// Stops where the estimated gap (plus two standard errors of the estimate) is below; nats.
  double gap_tolerance = 0.01;
  Index first_iteration = 0;           // t of the first step: continues a decay
  Checkpoints* checkpoints = nullptr;  // gets iterates of a long run; null: nobody does
};

struct NaturalGradientResult {
  FullRankNormal normal;
  /// Estimated nats to the optimum of the family, and the standard error of that estimate.
  double gap = std::numeric_limits<double>::infinity();
  double gap_error = std::numeric_limits<double>::infinity();
  double elbo = -std::numeric_limits<double>::infinity();  // averaged over the last window
  Index iterations = 0;
  bool converged = false;
  int64_t nonfinite = 0;  // draws without finite density
};

/// The estimated nats between the ELBO of `normal` and the optimum of the family near it, from
/// about `evaluations` draws, with its standard error.
struct GapEstimate {
  double gap = std::numeric_limits<double>::infinity();
  double error = std::numeric_limits<double>::infinity();
};
GapEstimate estimate_gap(Objective& objective, const FullRankNormal& normal, Index evaluations,
                         numeric::RandomKey key);

/// m += eta C w,  C <- C T, T = tril(I + eta W) with diagonal exp(eta W_ii / 2), where for
/// antithetic noise u_b, z_b = m + C u_b and w_b = C' grad log p(z_b) + u_b:  w = mean w_b,  W =
/// mean (u_b w_b' + w_b u_b') / 2. E w and E W are the natural gradient by Price's theorem; adding
/// u_b (the path derivative of -log q) makes the estimator exact, without noise, at a normal
/// target. The gap is estimated without bias from two independent halves of the batch: w1'w2 / 2 +
/// <W1, W2> / 4. Returned is the average of the iterates of the last window(s), which takes most of
/// the noise of the steps away. A draw u without finite density counts as w = -u, which pulls q
/// back towards its mean. O(D^2 B + D^3 / 3) an iteration. [Lin, Nielsen, Khan, Schmidt 2021, ICML,
/// for the update in a square root of the covariance; Roeder, Wu, Duvenaud 2017, NeurIPS, for the
/// path derivative]
NaturalGradientResult sqrt_natural_gradient(Objective& objective, const FullRankNormal& start,
                                            const NaturalGradientOptions& options,
                                            numeric::RandomKey key);

}  // namespace vinci::infer
