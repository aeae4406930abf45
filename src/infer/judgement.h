// Draws of an approximation and what they show of it.
#pragma once

#include <vector>

#include "diagnose/psis.h"
#include "diagnose/verdict.h"
#include "infer/family/family.h"
#include "infer/fit.h"
#include "infer/objective.h"

namespace vinci::infer {

/// Independent draws of q, their densities and the diagnosis.
struct Judgement {
  Index count = 0;
  std::vector<double> points;       // [count][D]
  std::vector<double> log_density;  // [count]
  std::vector<double> log_q;        // [count]
  diagnose::Psis psis;
  diagnose::Estimate elbo;

  /// Smaller is better; what escalations are compared by. NaN (too few draws) counts as the worst.
  double khat() const;
};

/// Draws `count` points of q and judges them; once the objective says to stop, `least` of them will
/// do.
Judgement judge_family(Objective& objective, const Family& q, Index count, Index least,
                       numeric::RandomKey key);

/// Notes what was judged in the result and hands out options.draws of the draws: chosen by their
/// weights where options and `may_reweight` allow it and that leads nearer to the posterior, else
/// the first ones as they are.
void hand_out(const Judgement& judgement, bool may_reweight, const FitOptions& options,
              FitResult& result);

/// The ELBO of q from `count` draws, noise given by the key: cheap comparisons with common random
/// numbers.
diagnose::Estimate estimate_elbo(Objective& objective, const Family& q, Index count,
                                 numeric::RandomKey key);

}  // namespace vinci::infer
