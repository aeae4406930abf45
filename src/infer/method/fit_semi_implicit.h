// Semi-implicit inference with the settings of `vinci fit`: a frame from Pathfinder, sizes from the
// dimension.
#pragma once

#include <limits>

#include "infer/family/affine_map.h"
#include "infer/family/family.h"
#include "infer/method/pathfinder.h"
#include "infer/objective.h"

namespace vinci::infer {

struct SemiImplicitFit {
  FamilyPtr q;                                              // null: no step had a finite objective
  double bound = std::numeric_limits<double>::quiet_NaN();  // the surrogate's, nats
  Index iterations = 0;
  Index skipped = 0;
  bool converged = false;
};

/// Mean and covariance of the paths' approximations as one mixture, weighted by exp(ELBO), so that
/// modes of similar mass share a frame and a frame is the best path's where one path is best. Where
/// D > max_dense, its diagonal only. At least one path must have succeeded.
AffineMap frame_of(const PathfinderResult& starts, Index max_dense = 200);

/// `kernel`: by the kernel Stein discrepancy instead of the surrogate bound.
SemiImplicitFit fit_semi_implicit(Objective& objective, const PathfinderResult& starts, bool kernel,
                                  numeric::RandomKey key);

}  // namespace vinci::infer
