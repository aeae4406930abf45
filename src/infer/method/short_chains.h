// Are draws of q stationary under p? Short Hamiltonian chains from them tell, coordinate by
// coordinate, where a joint k-hat in many dimensions cannot.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "infer/objective.h"
#include "numeric/random/philox.h"

namespace vinci::infer {

struct ShortChainsOptions {
  Index num_chains = 128;       // lanes; so many draws are used, at most as many as there are
  Index num_trajectories = 12;  // of each chain, with the final step size
  Index num_leapfrog = 8;       // gradients of a trajectory
  Index num_adapt = 12;         // trajectories that only adapt the step size
  double target_acceptance = 0.8;
  /// Factor C of the metric, [D, D] lower triangular: chains run in u, z = C u. Empty: the
  /// deviations of the draws.
  std::span<const double> factor;
};

/// A drift in units of the deviation under q (of means) or in logarithms (of deviations).
struct Drift {
  double value = 0;
  double error = std::numeric_limits<double>::infinity();  // Monte Carlo standard error
  Index coordinate = -1;
};

struct ShortChainsResult {
  bool ran = false;  // false: fewer than 20 draws with a finite density, or stopped before the end
  Index num_chains = 0;
  double acceptance = 0;  // mean over the trajectories that count
  double step_size = 0;
  int64_t evaluations = 0;

  std::vector<double> mean_drift, mean_drift_error;      // [D]
  std::vector<double> log_sd_drift, log_sd_drift_error;  // [D]
  /// Correlation of a chain's end with its start, the worst coordinate's. Near 1 the chains hardly
  /// moved: then no drift shows nothing. A drift that they show is about (1 - correlation) times
  /// the error of q.
  double slowest = 1;
  Index slowest_coordinate = -1;

  /// |value| / error that the largest of all 2 D drifts exceeds by chance once in a hundred runs.
  double critical = 0;
  Drift mean;    // the drift of means with the largest |value| / error
  Drift log_sd;  // of deviations
  /// Bounds on the largest absolute drift of any coordinate, at that level of confidence.
  double mean_at_least = 0, mean_at_most = std::numeric_limits<double>::infinity();
  double log_sd_at_least = 0, log_sd_at_most = std::numeric_limits<double>::infinity();

  /// The draws are not stationary, beyond chance.
  bool drifts() const { return ran && (mean_at_least > 0 || log_sd_at_least > 0); }
  /// The chains moved and found no error of means above `mean` deviations or of deviations above
  /// `log_sd`: a certificate for the marginals, not for the joint distribution, nor for modes that
  /// short chains do not reach.
  bool certifies(double mean_error = 0.3, double log_sd_error = 0.3) const;
};

/// points: [count][D] independent draws of q, count at least num_chains (the more, the better known
/// are q's moments). Chains start at the first of them. The step size is adapted on chains that are
/// then thrown away, so that those that count leave p invariant: where q = p nothing drifts.
/// A chain's values are averaged over the second half of its trajectories; means and mean squares
/// of these are compared with those of all draws, with the chain's start as control variate.
/// The streams key.stream and the next are used.
/// Costs num_chains (num_adapt + num_trajectories) num_leapfrog gradients.
/// [the idea: Wang, Kasprzak, Huggins 2023, AISTATS, "A targeted accuracy diagnostic for
/// variational approximations"; Hamiltonian dynamics: Neal 2011, Handbook of MCMC, ch. 5]
ShortChainsResult short_chains(Objective& objective, std::span<const double> points,
                               const ShortChainsOptions& options, numeric::RandomKey key);

}  // namespace vinci::infer
