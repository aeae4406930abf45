// Automatic differentiation variational inference as Stan does it: for comparison, with its rule of
// stopping.
#pragma once

#include <limits>

#include "infer/family/family.h"
#include "infer/objective.h"

namespace vinci::infer {

struct AdviOptions {
  bool full_rank = false;
  Index gradient_draws = 1;
  Index elbo_draws = 100;
  Index elbo_every = 100;       // iterations between looks at the ELBO
  Index adapt_iterations = 50;  // for each step size tried
  Index max_iterations = 10000;
  double relative_tol = 0.01;
};

struct AdviResult {
  FamilyPtr approximation;  // null where no step size gave a finite ELBO
  double elbo = -std::numeric_limits<double>::infinity();
  double step_size = 0;
  Index iterations = 0;
  bool converged = false;
};

/// Stochastic gradient ascent of the ELBO with step eta t^{-1/2} / (1 + sqrt s_t), s_t a running
/// mean of squared gradients; eta is the best of 100, 10, 1, 0.1, 0.01 after a short trial each;
/// ends when the mean or the median of recent relative changes of the ELBO is below the tolerance.
/// [Kucukelbir, Tran, Ranganath, Gelman, Blei 2017, JMLR 18(14), algorithm 1 and sec. 2.6]
AdviResult advi(Objective& objective, const AdviOptions& options, numeric::RandomKey key);

}  // namespace vinci::infer
