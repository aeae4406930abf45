// Pareto-smoothed importance sampling: how far draws of q can be trusted as draws of p, and weights
// that make them better ones.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace vinci::diagnose {

/// A generalised Pareto distribution fitted to excesses over a threshold.
struct ParetoFit {
  double k = 0;  // shape, shrunk towards 1/2 by a prior worth ten observations; > 0: a heavy tail
  double sigma = 0;  // scale
};

/// Fits excesses x > 0, sorted ascending, at least 5 of them.  O(n^{3/2}).
/// [Zhang and Stephens 2009, doi 10.1198/tech.2009.08017; the prior on k: Vehtari, Simpson, Gelman,
/// Yao, Gabry 2024, JMLR 25(72), appendix G]
ParetoFit fit_generalized_pareto(std::span<const double> excesses);

/// The shape k of the upper tail of `values`, its floor(min(n/5, 3 sqrt n)) largest. -inf where the
/// tail is constant to rounding, NaN where fewer than 5 values would make it up or any value is
/// NaN.
double upper_tail_khat(std::span<const double> values);

/// The largest k-hat at which estimates from `num_draws` draws are reliable: min(0.7, 1 - 1 / log10
/// S). [Vehtari et al. 2024, eq. (13)]
double khat_threshold(std::ptrdiff_t num_draws);

struct Psis {
  /// Shape of the tail of the importance ratios. 0 where they are constant (q = p up to a factor),
  /// +inf where no ratio is finite, NaN where there are too few of them to tell (`too_few`).
  double khat = 0;
  double threshold = 0.7;
  /// Normalised smoothed weights, sum 1; 0 at draws whose ratio is not finite. Empty if no ratio is
  /// finite.
  std::vector<double> weights;
  double ess = 0;  // 1 / sum of squared weights
  double log_mean_ratio =
      0;  // log of the mean smoothed ratio: estimates log p(x) from log p(x, z) - log q(z)
  double log_mean_ratio_error = 0;  // its Monte Carlo standard error (delta method)
  std::ptrdiff_t num_nonfinite =
      0;  // NaN and +inf; a ratio of -inf is a weight of zero and counts too
  bool constant = false;
  bool too_few = false;

  bool reliable() const { return khat <= threshold; }
};

/// Smooths the ratios log p(z_s) - log q(z_s).  O(S log S).  [Vehtari et al. 2024, algorithm 1]
Psis smooth_importance_weights(std::span<const double> log_ratios);

/// A weighted mean of h(z_s) and what is known of its error.
struct WeightedEstimate {
  double mean = 0;
  double sd = 0;    // of h under the weights
  double mcse = 0;  // sqrt(sum w^2 (h - mean)^2)
  double khat =
      0;  // the worst of the tails of w and of both tails of h w: what this estimate may be held to
};

/// `weights` as in Psis (normalised); one value per weight.
WeightedEstimate weighted_estimate(const Psis& psis, std::span<const double> values);

/// `count` indices of draws, chosen with probabilities proportional to `weights` (normalised).
/// Systematic resampling: index s comes floor(count w_s) or ceil(count w_s) times, so that nothing
/// is repeated that need not be. `uniform` in (0, 1) is the one random number. Order: ascending
/// indices. [Douc, Cappe, Moulines 2005, doi 10.1109/ISPA.2005.195385]
std::vector<std::ptrdiff_t> systematic_resample(std::span<const double> weights,
                                                std::ptrdiff_t count, double uniform);

}  // namespace vinci::diagnose
