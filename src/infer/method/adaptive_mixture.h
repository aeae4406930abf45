// Mixtures of normals fitted to importance-weighted draws: a step beyond one normal that k-hat can
// still judge.
#pragma once

#include <vector>

#include "infer/family/full_rank_normal.h"
#include "infer/family/mixture.h"
#include "infer/judgement.h"
#include "infer/objective.h"

namespace vinci::infer {

/// `base` with wider copies of itself: (1 - share) q plus normals whose deviations are 1 + a /
/// sqrt(2 D) times as large, a = 1.5 and 4 (so many deviations of |noise| further out). Importance
/// ratios against it are bounded where the posterior's tails are somewhat heavier than those of q,
/// at little cost where they are not. [defensive mixtures: Hesterberg 1995,
/// doi 10.1080/00401706.1995.10484303]
std::shared_ptr<const Mixture> widen(const std::vector<FullRankNormal>& base,
                                     const std::vector<double>& weights, double share = 0.3);

struct AdaptiveMixtureOptions {
  Index components = 6;
  Index rounds = 6;
  Index draws = 10000;  // per round
  Index em_steps = 8;   // per round
  double defensive_share = 0.2;
  double khat_goal = 0.4;  // stops early
};

struct AdaptiveMixtureResult {
  std::shared_ptr<const Mixture> mixture;  // null if no round improved on the start
  double khat = 0;
};

/// Population Monte Carlo: in each round, expectation-maximisation of a mixture of normals on draws
/// weighted by their smoothed importance ratios (so that it moves towards the posterior in KL(p |
/// q)), then fresh draws from it. `base` and wider copies of it stay in as a defensive share.
/// Covariances are shrunk to that of base by D + 2 pseudo-draws. `start`: draws of any q with
/// finite weights. O(rounds (draws) K D^2 em_steps). [Cappe, Douc, Guillin, Marin, Robert 2008,
/// doi 10.1007/s11222-008-9059-x, sec. 3; weights smoothed as in Vehtari et al. 2024]
AdaptiveMixtureResult adapt_mixture(Objective& objective, const FullRankNormal& base,
                                    const Judgement& start, const AdaptiveMixtureOptions& options,
                                    uint64_t seed, uint32_t first_stream);

}  // namespace vinci::infer
