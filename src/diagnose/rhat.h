// Split R-hat: have sequences that should be samples of one distribution come to agree?
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace vinci::diagnose {

/// Split R-hat of `num_chains` sequences stored one after the other in `values` (equal lengths, at
/// least 4). Each is cut in halves (the middle of an odd length is dropped), so that a trend shows
/// even with one sequence. NaN if a value is not finite or a sequence is too short; 1 where all
/// values are equal; +inf where sequences are constant but differ.  [Gelman et al., Bayesian Data
/// Analysis, 3rd ed., sec. 11.4]
double split_rhat(std::span<const double> values, std::ptrdiff_t num_chains);

/// Mean of one correlated sequence, with its Monte Carlo standard error sd / sqrt(ess).
struct SequenceMean {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  double mean = kUnknown;
  double mcse = kUnknown;
  double ess = kUnknown;  // effective number of independent values; NaN: see draws::ess_mean
};
SequenceMean sequence_mean(std::span<const double> values);

/// Iterates of an optimisation with a fixed step: once they wander about the optimum, the mean of
/// their last `window` is a better answer than the last of them.
struct IterateWindow {
  std::ptrdiff_t window = 0;  // that looks most like wandering; 0: fewer iterates than min_window
  double rhat = std::numeric_limits<double>::infinity();  // the worst coordinate's, over it
  bool stationary = false;                                // rhat is at most max_rhat
};

/// iterates: [T][P]. Tries five windows between min_window and 0.95 T and takes the one whose worst
/// split R-hat is smallest.  O(T P).
/// [Welandawe, Andersen, Vehtari, Huggins 2022, arXiv 2203.15945, algorithm 2]
IterateWindow stationary_window(std::span<const double> iterates, std::ptrdiff_t num_params,
                                std::ptrdiff_t min_window = 200, double max_rhat = 1.1);

/// The means of the last `window` iterates and whether they are known well enough: every MCSE,
/// divided by scale[p] (empty: 1), is below max_mcse, and every effective sample size above
/// min_ess. Scales are the deviations of q for means; logarithms of deviations have the scale 1.
struct IterateMeans {
  std::vector<double> mean;
  double worst_mcse = std::numeric_limits<double>::infinity();  // scaled
  double least_ess = 0;
  bool accurate = false;
};
IterateMeans iterate_means(std::span<const double> iterates, std::ptrdiff_t num_params,
                           std::ptrdiff_t window, std::span<const double> scale,
                           double max_mcse = 0.1, double min_ess = 25);

}  // namespace vinci::diagnose
