// Split R-hat: have sequences that should be samples of one distribution come to agree?
#pragma once

#include <cstddef>
#include <span>

namespace vinci::diagnose {

/// Split R-hat of `num_chains` sequences stored one after the other in `values` (equal lengths, at
/// least 4). Each is cut in halves (the middle of an odd length is dropped), so that a trend shows
/// even with one sequence. NaN if a value is not finite or a sequence is too short; 1 where all
/// values are equal; +inf where sequences are constant but differ.  [Gelman et al., Bayesian Data
/// Analysis, 3rd ed., sec. 11.4]
double split_rhat(std::span<const double> values, std::ptrdiff_t num_chains);

}  // namespace vinci::diagnose
