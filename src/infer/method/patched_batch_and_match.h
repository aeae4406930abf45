// Batch and match with a covariance that is diagonal plus low rank: thousands of dimensions.
#pragma once

#include "infer/family/low_rank_normal.h"
#include "infer/objective.h"

namespace vinci::infer {

struct PatchedBatchAndMatchOptions {
  Index rank = 32;
  Index batch = 32;
  Index iterations = 200;
  Index em_steps = 5;  // of each patch, started from the patch before
};

struct PatchedBatchAndMatchResult {
  std::shared_ptr<const LowRankNormal> normal;  // null where no step was accepted
  Index accepted = 0;
  Index rejected = 0;
};

/// Sigma = Lambda Lambda' + Psi. Each iteration takes one step of batch-and-match, whose covariance
/// is Psi plus and minus a few outer products and is never formed, and patches it: expectation-
/// maximisation of factor analysis finds the nearest diagonal-plus-low-rank covariance in KL from
/// the step's. lambda_t = B D / t. O(D (r + B)^2) an iteration beside B gradients. Draws without
/// finite density are left out, a step that fails is reverted.
/// [Modi, Cai, Saul 2024, arXiv 2410.22292, algorithm 1, eqs. (12)-(20)]
PatchedBatchAndMatchResult patched_batch_and_match(Objective& objective,
                                                   const std::vector<double>& mean,
                                                   const std::vector<double>& sd,
                                                   const PatchedBatchAndMatchOptions& options,
                                                   numeric::RandomKey key);

}  // namespace vinci::infer
