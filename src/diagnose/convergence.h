// How many draws an estimate needs, by the shape of its tails.
#pragma once

#include <cstddef>

namespace vinci::diagnose {

/// The least number of draws from which an estimate with tails of shape k-hat is reliable,
/// 10^{1 / (1 - max(0, k))}; +inf from k = 1 on.  [Vehtari et al. 2024, eq. (11)]
double minimal_sample_size(double khat);

/// How fast the error of the estimate falls with the number S of draws: the exponent c of the mean
/// squared error's S^{-c} near S, 1 for independent draws of a finite variance, 0 where more draws
/// do not help.  [Vehtari et al. 2024, appendix B]
double convergence_rate(double khat, std::ptrdiff_t num_draws);

}  // namespace vinci::diagnose
