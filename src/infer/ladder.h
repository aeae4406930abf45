// The automatic ladder for a normal with dense covariance: start, race, ascend, look for other
// modes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "infer/checkpoint.h"
#include "infer/family/full_rank_normal.h"
#include "infer/method/pathfinder.h"
#include "infer/objective.h"

namespace vinci::infer {

/// A normal that an ascent ended in.
struct Ascended {
  FullRankNormal normal;
  double elbo = 0;
  double gap = 0;  // estimated nats to the optimum of the family
  double gap_error = 0;
  bool converged = false;
};

struct LadderResult {
  Ascended best;
  /// Other places where ascents converged, far from the best (and from each other), best first.
  std::vector<Ascended> rivals;
};

struct LadderOptions {
  uint64_t seed = 1;
  double gap_tolerance = 0.01;
  Index max_iterations = 1200;  // of natural gradient
  Index max_rivals = 3;
  /// One more start, from an earlier fit. Where it leads the paths, the ascent begins there at
  /// once.
  std::optional<FullRankNormal> start;
  Checkpoints* checkpoints = nullptr;
};

/// Called after each stage with its name and the ELBO reached.
using StageSink = std::function<void(const std::string& name, double elbo)>;

/// Squared Mahalanobis distance of `point` under q beyond which q does not cover it: the mean of a
/// chi-square of D degrees of freedom, five of its deviations, and ten.
double bulk_radius_squared(Index dim);

/// Fits a full-rank normal, starting from the paths of `starts` (at least one must have succeeded).
LadderResult climb_full_rank(Objective& objective, const PathfinderResult& starts,
                             const LadderOptions& options, const StageSink& stage);

}  // namespace vinci::infer
