// Deterministic ADVI: a mean-field normal at fixed noise, and the covariance that linear response
// gives it.
#pragma once

#include <memory>
#include <vector>

#include "infer/family/full_rank_normal.h"
#include "infer/family/mean_field_normal.h"
#include "infer/objective.h"
#include "infer/optimizer/newton_cg.h"

namespace vinci::infer {

struct DeterministicAdviOptions {
  Index draws = 20;  // fixed noise in antithetic pairs, doubled while the error is too large ...
  Index max_draws = 160;  // ... up to this many
  /// Frequentist standard error of a mean, relative to its posterior deviation, that is small
  /// enough.
  double error_goal = 0.5;
  Index max_linear_response_dim = 1000;  // above it there is no covariance, and no error
  NewtonCgOptions newton;
};

struct DeterministicAdviResult {
  MeanFieldNormal mean_field{std::vector<double>{}, std::vector<double>{}};
  /// N(mean, linear response covariance); null where it was not asked for, or is not positive
  /// definite (the optimum is no optimum, or the posterior far from normal).
  std::shared_ptr<const FullRankNormal> linear_response;
  Index draws = 0;
  double elbo = 0;         // at the fixed noise: biased upwards
  double worst_error = 0;  // largest relative standard error of a mean; NaN where not known
  bool converged = false;
};

/// Minimises -sum log s - (1/M) sum_n log p(m + s z_n) over (m, log s) by Newton-CG with
/// Hessian-vector products, z_n fixed: the same answer at every run, and a plain rule for stopping.
/// Noise comes in pairs z, -z, which makes linear response exact on normal targets.
/// With H its Hessian at the optimum, the linear response covariance is [H^-1]_mm: means move with
/// a perturbation of the density as they should, so that correlations and deviations are found that
/// a mean field leaves out. M doubles until H^-1 Cov_n(gradients) H^-1 / M is small beside it.
/// O(M) gradients an iteration, D M Hessian-vector products and O(D^3) for the covariance.
/// [Giordano, Ingram, Broderick 2024, JMLR 25(18), secs. 3.2, 3.3 and eq. (12)]
DeterministicAdviResult deterministic_advi(Objective& objective, const MeanFieldNormal& start,
                                           const DeterministicAdviOptions& options,
                                           numeric::RandomKey key);

}  // namespace vinci::infer
