// Gaussian score matching: a full-rank normal made to match the score of the target, draw by draw.
#pragma once

#include "infer/family/full_rank_normal.h"
#include "infer/objective.h"

namespace vinci::infer {

struct GaussianScoreMatchingOptions {
  Index batch = 2;
  Index iterations = 1000;
};

struct GaussianScoreMatchingResult {
  FullRankNormal normal;
  Index accepted = 0;
  Index rejected = 0;  // updates that would have left the covariance indefinite, or not finite
};

/// For each draw x with score v, the normal nearest in KL to the present one whose own score at x
/// is v, in closed form; a batch averages the changes. Exact on normal targets after about D draws;
/// on others it ends in a noise floor, having no decreasing step. O(D^2 B + D^3 / 3) an iteration.
/// [Modi, Gower, Margossian, Yao, Blei, Saul 2023, NeurIPS, arXiv 2307.07849, theorem 3.1 and
/// algorithm 1]
GaussianScoreMatchingResult gaussian_score_matching(Objective& objective,
                                                    const FullRankNormal& start,
                                                    const GaussianScoreMatchingOptions& options,
                                                    numeric::RandomKey key);

}  // namespace vinci::infer
