// The second step of a fit: the best normal that the dimension allows.
#pragma once

#include <vector>

#include "infer/fit_run.h"

namespace vinci::infer {

/// A sparse precision where the Hessian is sparse and it pays; else dense, or beyond
/// FitOptions::max_full_rank_dim a product, Pathfinder's low rank or a patched one, whichever
/// leads.
Candidate fit_best_normal(FitRun& run);

/// Dense covariance, with the modes that other paths ended in.
Candidate fit_full_rank(FitRun& run);
Candidate fit_mean_field(FitRun& run);
/// Low rank plus diagonal by batch-and-match; null where it failed.
FamilyPtr fit_patched(FitRun& run, const std::vector<double>& mean, const std::vector<double>& sd);

}  // namespace vinci::infer
