// Methods and families that are asked for by name: each alone, without the rungs above it.
#pragma once

#include "infer/fit_run.h"

namespace vinci::infer {

/// What FitOptions::method, family, factors and points ask for; `auto` is the best normal. A null q
/// where the method failed.
Candidate approximate(FitRun& run);

}  // namespace vinci::infer
