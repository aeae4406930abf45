// The judgement on a fit: may its draws be used in place of the posterior's?
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/psis.h"

namespace vinci::diagnose {

/// A Monte Carlo estimate and its standard error.
struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  double error = std::numeric_limits<double>::quiet_NaN();
};

/// E_q[log p - log q] and its standard error, from independent draws of q, in nats. Where some
/// ratios are not finite, the ELBO is that of q restricted to the others (q itself has -inf
/// whatever the rest): still a bound, and the number of such draws is part of the evidence for the
/// verdict. -inf where no ratio is finite.
Estimate elbo_from_log_ratios(std::span<const double> log_ratios);

enum class Grade { kGood, kUsable, kBad };
std::string_view to_string(Grade grade);

/// What is known of a fit when it is judged. Defaults are neutral: what is not known does not count
/// against it.
struct Evidence {
  std::ptrdiff_t dim = 0;
  std::ptrdiff_t num_judged = 0;     // independent draws the numbers below were computed from
  std::ptrdiff_t num_nonfinite = 0;  // of them: log density -inf or NaN
  double khat = 0;
  double khat_threshold = 0.7;
  double ess = 0;
  Estimate elbo;
  bool reweighted = false;  // the draws handed out are importance-resampled
  bool adapted = false;     // q was fitted to importance-weighted draws: its k-hat is optimistic
  /// The density does not fall off along a coordinate (from 0; -1: along some other axis).
  bool improper = false;
  std::ptrdiff_t improper_coordinate = -1;
  /// Short Hamiltonian chains from draws of q, run where k-hat is too large: bounds on the errors
  /// of all marginal means (in deviations) and log deviations, and whether these are small enough.
  bool chains_ran = false;
  bool chains_certify = false;
  double chains_mean_error = std::numeric_limits<double>::quiet_NaN();
  double chains_log_sd_error = std::numeric_limits<double>::quiet_NaN();
  std::ptrdiff_t num_chains = 0;
  /// The draws come from sequential Monte Carlo that started from q; its populations are what they
  /// are judged by, k-hat of q is not.
  bool sampled = false;
  bool populations_agree = false;
  double population_rhat = std::numeric_limits<double>::quiet_NaN();
  std::ptrdiff_t num_modes_covered = 1;  // modes that the approximation was built from
  /// Estimated nats between the ELBO and its optimum within the family, and what was asked for;
  /// NaN: unknown.
  double gap = std::numeric_limits<double>::quiet_NaN();
  double gap_tolerance = 0;
  /// The method that made the fit ends by its own rule (not by the gap) and did not get there.
  bool stopped_early = false;
  bool cancelled = false;
  bool budget_spent = false;
  /// Other optima, which converged and differ from the fit: estimated log mass relative to it, in
  /// nats.
  std::vector<double> other_modes;
  /// Symmetries of the density that q does not have ("labels of states 1, 2 of `z`"), and the log
  /// of the number of equal modes that they make, of which q is one.
  std::vector<std::string> symmetries;
  double log_equal_modes = 0;
  /// Images of q under exchanged labels or turned signs that are modes too, not equal: their log
  /// mass relative to q's.
  std::vector<double> image_modes;
  std::ptrdiff_t num_starts = 0;
  std::ptrdiff_t num_failed_starts = 0;
};

struct Verdict {
  Grade grade = Grade::kBad;
  std::vector<std::string> reasons;      // each a sentence; never empty
  std::vector<std::string> suggestions;  // each a sentence
  bool is_of_one_mode = false;           // of several that are equal by a symmetry
};

/// good: k-hat <= 0.5 and nothing speaks against it: means, deviations and tails may be used.
/// usable: k-hat up to min(0.7, 1 - 1/log10 S), or short chains that find the marginals right, or
/// agreeing populations of particles: means and deviations may be used, tails with care.
/// usable too: of several modes that are equal by a symmetry of the density, the draws are of one.
/// bad: the draws are not draws of the posterior, or nothing shows that they are. Regardless of
/// k-hat: no finite density, a density that does not fall off, more than 1 % draws of zero density
/// (half, where weights take care of them), another optimum of more than 1e-3 of the mass, an
/// optimisation that was cut off far from its optimum, D > 100 with effective sample share below 1
/// %. [thresholds of k-hat: Vehtari et al. 2024, JMLR 25(72), sec. 3.2.4; Yao et al. 2018, sec. 3]
Verdict judge(const Evidence& evidence);

}  // namespace vinci::diagnose
