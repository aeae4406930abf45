// Batch and match: a full-rank normal fitted to the scores of the target.
#pragma once

#include "infer/family/full_rank_normal.h"
#include "infer/objective.h"

namespace vinci::infer {

struct BatchAndMatchOptions {
  Index batch = 32;
  Index iterations = 19;  // 19 batches of 32: about 600 evaluations
};

struct BatchAndMatchResult {
  FullRankNormal normal;
  Index accepted = 0;  // updates that kept the covariance positive definite
  Index rejected = 0;
};

/// Proximal steps on the score-based divergence E_q |grad log q - grad log p|^2_{Cov q}, with
/// learning rate lambda_t = B D / t. Exact on normal targets. O(D^3) an iteration where B >= D,
/// else O(D^2 B) and a Cholesky factorisation. Draws without finite density are left out; a step
/// that fails is reverted. [Cai, Modi, Pillaud-Vivien, Margossian, Gower, Blei, Saul 2024, ICML,
/// arXiv 2402.14758, algorithm 1]
BatchAndMatchResult batch_and_match(Objective& objective, const FullRankNormal& start,
                                    const BatchAndMatchOptions& options, numeric::RandomKey key);

}  // namespace vinci::infer
