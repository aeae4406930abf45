// The Laplace approximation: a normal with the mode's curvature.
#pragma once

#include <optional>
#include <vector>

#include "infer/family/full_rank_normal.h"
#include "infer/objective.h"

namespace vinci::infer {

/// N(x, H^-1), H minus the Hessian of the log density at `mode` by central differences of gradients
/// (2 D evaluations; error about 1e-10 relative). Empty where H is not positive definite or not
/// finite.  O(D^3).
std::optional<FullRankNormal> laplace(Objective& objective, const std::vector<double>& mode);

}  // namespace vinci::infer
