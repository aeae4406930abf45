// L-BFGS ascent on many lanes at once, keeping the paths.
#pragma once

#include <vector>

#include "infer/objective.h"
#include "vinci/log_density.h"

namespace vinci::infer {

struct LbfgsOptions {
  Index history = 6;
  Index max_iterations = 150;
  Index max_trials = 25;        // of step lengths per iteration
  double relative_tol = 1e-13;  // of the value, two iterations in a row
  double gradient_tol = 1e-8;   // largest component
  Index max_points = 1000;      // kept per path; the oldest are dropped
};

/// The points an ascent went through, start first. points and gradients: [n][D] row-major.
struct Path {
  std::vector<double> points;
  std::vector<double> gradients;
  std::vector<double> values;
  bool converged =
      false;  // by a tolerance; otherwise by running out of iterations, step lengths or budget

  Index size() const { return static_cast<Index>(values.size()); }
};

/// Maximises the log density from each column of `starts` [D][lanes]; the lanes advance together,
/// one trial point each per batch. Step lengths satisfy the weak Wolfe conditions by bisection.
/// [Nocedal and Wright 2006, algorithm 7.4; Lewis and Overton 2013, doi 10.1007/s10107-012-0514-2,
/// algorithm 2.6] A lane whose start has no finite density gives an empty path.
std::vector<Path> lbfgs_ascend(Objective& objective, LaneMatrix starts,
                               const LbfgsOptions& options);

}  // namespace vinci::infer
