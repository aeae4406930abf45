// Multi-path Pathfinder: normal approximations along quasi-Newton ascents.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "infer/family/low_rank_normal.h"
#include "infer/objective.h"
#include "infer/optimizer/lbfgs.h"

namespace vinci::infer {

struct PathfinderOptions {
  Index num_paths = 8;
  double init_radius = 2;         // starts are uniform on (-radius, radius)^D, in mirrored pairs
  Index max_init_attempts = 100;  // per path; the radius shrinks as attempts fail
  Index elbo_draws = 5;           // per point of a path, the same noise at each
  Index max_elbo_points = 40;     // of a path, evenly spread where it has more
  Index rerank = 2;               // best points of a path that are compared again ...
  Index rerank_draws = 25;        // ... with this many draws
  LbfgsOptions lbfgs;
};

struct PathfinderPath {
  /// The approximation of the largest estimated ELBO; null where the path failed.
  std::shared_ptr<const LowRankNormal> approximation;
  double elbo = 0;           // nats
  double highest_value = 0;  // log density of the highest point of the ascent ...
  std::vector<double> end;   // ... and that point; empty where the start had no density
  Index num_points = 0;
};

struct PathfinderResult {
  std::vector<PathfinderPath> paths;
  Index num_failed = 0;
  /// Index of the path with the largest ELBO, -1 if all failed.
  Index best = -1;
};

/// Runs all paths as lanes of one batch. `start`, if not empty, is where path 0 begins.
/// Costs about (num_paths) x (60 to 200) gradients and (num_paths) x (100 to 250) values.
/// [Zhang, Carpenter, Gelman, Vehtari 2022, JMLR 23(306), algorithms 1-4. Changes: the same noise
/// at all points of a path; a second look at the best points; the lower Cholesky factor of the
/// core.]
PathfinderResult pathfinder(Objective& objective, const PathfinderOptions& options,
                            numeric::RandomKey key, const std::vector<double>& start = {});

}  // namespace vinci::infer
