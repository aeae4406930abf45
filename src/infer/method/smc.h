// Sequential Monte Carlo from an approximation to the posterior: the last rung of the ladder. It
// gives draws, the evidence and, from independent populations, a measure of how far to trust both.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "diagnose/verdict.h"
#include "infer/family/full_rank_normal.h"
#include "infer/objective.h"

namespace vinci::infer {

struct SmcOptions {
  Index islands = 8;       // independent populations ...
  Index particles = 256;   // ... of this size each; a multiple of 8
  double ess_share = 0.5;  // the next temperature keeps this share of effective particles
  Index leapfrog_steps = 10;
  Index max_moves = 12;     // per temperature; fewer where the particles have forgotten their past
  Index final_moves = 200;  // at the posterior, likewise
  double target_acceptance = 0.75;
  /// Deviations of the start relative to the approximation, of the first and the last population;
  /// the others lie between, in geometric progression.
  double least_scale = 1.1;
  double largest_scale = 3.3;
  Index max_temperatures = 200;
};

struct SmcResult {
  Index count = 0;                  // draws of equal weight; 0 where the method failed
  std::vector<double> points;       // [count][D]
  std::vector<double> log_density;  // [count]
  diagnose::Estimate log_evidence;  // nats; the error is that of independent populations
  /// Do the populations agree? R-hat over populations, largest over coordinates, of values and of
  /// squared distances from the mean; 1 where they are draws of one distribution.
  double rhat = 0;
  Index worst_coordinate = -1;
  double island_ess = 0;       // of the populations' evidence weights, at most `islands`
  double acceptance = 0;       // of the last moves
  double autocorrelation = 1;  // of particles over the last moves, the largest over coordinates
  Index temperatures = 0;
  bool completed = false;  // reached the posterior

  /// Populations agree in means, spreads and evidence, and the particles moved.
  bool trustworthy() const;
};

/// Called after each temperature with the share of the path done and the evidence so far.
using SmcProgress = std::function<void(double beta, double log_evidence)>;

/// The particles of population i start from q_i = sum_k w_k N(m_k, s_i^2 C_k C_k') and follow
/// p^beta q_i^(1 - beta) from beta = 0 to 1. The starts differ in width on purpose: where particles
/// cannot reach all of the posterior, populations end in different places and with different
/// evidence, and say so. Each step of beta keeps a share of effective particles (found by
/// bisection); then each population resamples systematically within itself, and all particles move
/// by Hamiltonian Monte Carlo in coordinates whitened by their covariance (its diagonal above 200
/// dimensions), with the number of moves set by their autocorrelation. Step sizes vary between
/// lanes by a factor of up to 64, so that narrow places are entered; their scale follows the
/// acceptance rate. Populations share only the schedule and the whitening, so that what differs
/// between them is Monte Carlo error. Evidence: product over temperatures of mean weights; draws:
/// populations weighted by their evidence. O(N D^2) a leapfrog step beside N gradients.
/// [Del Moral, Doucet, Jasra 2006, doi 10.1111/j.1467-9868.2006.00553.x, sec. 3.3; Buchholz,
/// Chopin, Jacob 2021, doi 10.1214/20-BA1211, for the tuning of HMC moves]
SmcResult smc(Objective& objective, const std::vector<FullRankNormal>& base,
              const std::vector<double>& weights, const SmcOptions& options, uint64_t seed,
              uint32_t first_stream, const SmcProgress& progress = {});

}  // namespace vinci::infer
