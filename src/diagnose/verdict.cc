#include "diagnose/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace vinci::diagnose {
namespace {

constexpr double kGoodKhat = 0.5;
constexpr double kNonfiniteShare = 0.01;
constexpr double kNonfiniteRemark = 0.001;
constexpr double kMostlyOutside = 0.5;
// Another optimum this many nats below carries less than one thousandth of the mass.
constexpr double kNegligibleMode = -6.9;

class Judge {
 public:
  void lower_to(Grade grade, std::string reason) {
    verdict_.grade = std::max(verdict_.grade, grade);
    verdict_.reasons.push_back(std::move(reason));
  }
  void remark(std::string reason) { verdict_.reasons.push_back(std::move(reason)); }
  void suggest(std::string_view what) {
    if (std::find(verdict_.suggestions.begin(), verdict_.suggestions.end(), what) ==
        verdict_.suggestions.end()) {
      verdict_.suggestions.emplace_back(what);
    }
  }
  Grade grade() const { return verdict_.grade; }
  Verdict take() { return std::move(verdict_); }

 private:
  Verdict verdict_{Grade::kGood, {}, {}};
};

constexpr std::string_view kReparameterise =
    "Reparameterise the model, for instance non-centre its hierarchies or put tighter priors on "
    "its scales.";
constexpr std::string_view kDeclareConstraints =
    "Declare the constraints that the density enforces, so that draws cannot leave its support.";
constexpr std::string_view kRicherFamily = "Try a richer family, or a larger budget.";

void judge_populations(const Evidence& e, Judge& judge) {
  if (e.populations_agree) {
    judge.lower_to(
        Grade::kUsable,
        fmt::format("No approximation covers the posterior (k-hat {:.2f}); the draws come "
                    "from sequential Monte Carlo, whose independent populations agree "
                    "(R-hat {:.3f}).",
                    e.khat, e.population_rhat));
    return;
  }
  judge.lower_to(Grade::kBad,
                 fmt::format("No approximation covers the posterior (k-hat {:.2f}), and the "
                             "populations of sequential Monte Carlo disagree (R-hat {:.2f}).",
                             e.khat, e.population_rhat));
  judge.suggest(kReparameterise);
  judge.suggest("Allow more evaluations or more time.");
}

void judge_tail(const Evidence& e, Judge& judge) {
  if (e.sampled) return judge_populations(e, judge);
  if (std::isnan(e.khat)) {
    judge.lower_to(Grade::kBad,
                   fmt::format("{} draws are too few to judge the fit by.", e.num_judged));
    judge.suggest("Ask for at least 1000 draws.");
    return;
  }
  if (e.khat <= kGoodKhat && e.khat <= e.khat_threshold) {
    judge.remark(fmt::format("k-hat is {:.2f}: the approximation covers the posterior well.",
                             std::max(e.khat, 0.0)));
    return;
  }
  if (e.khat <= e.khat_threshold) {
    judge.lower_to(Grade::kUsable,
                   e.reweighted
                       ? fmt::format("k-hat is {:.2f}, above 0.5: the draws were reweighted to the "
                                     "posterior; means and deviations are reliable, tails less so.",
                                     e.khat)
                       : fmt::format("k-hat is {:.2f}, above 0.5: means and deviations are nearly "
                                     "right, tails may not be.",
                                     e.khat));
    return;
  }
  if (e.chains_certify) {
    judge.lower_to(Grade::kUsable,
                   fmt::format("k-hat is {:.2f}, above {:.2f}: draws are not those of the joint "
                               "posterior; but {} short Hamiltonian chains from them bound the "
                               "errors of single means by {:.2f} and of log deviations by {:.2f}.",
                               e.khat, e.khat_threshold, e.num_chains, e.chains_mean_error,
                               e.chains_log_sd_error));
    judge.suggest("Do not use joint quantities, such as the log evidence.");
    return;
  }
  judge.lower_to(Grade::kBad,
                 fmt::format("k-hat is {:.2f}, above {:.2f}: the posterior has mass that the "
                             "approximation does not cover.",
                             e.khat, e.khat_threshold));
  judge.suggest(kReparameterise);
  judge.suggest(kRicherFamily);
}

void judge_optimisation(const Evidence& e, Judge& judge) {
  if (e.adapted) {
    judge.lower_to(Grade::kUsable,
                   "The approximation is a mixture fitted to reweighted draws: what those did not "
                   "reach, k-hat "
                   "cannot see.");
    judge.suggest(kReparameterise);
  }
  if (e.cancelled) judge.lower_to(Grade::kBad, "The fit was interrupted.");
  if (e.stopped_early) {
    judge.lower_to(Grade::kUsable, "The optimisation ended before its stopping rule was met.");
    judge.suggest("Allow more evaluations or more time.");
  }
  // Where the draws do not come from q, it does not matter how far q was from its best.
  if (e.sampled || !(e.gap > e.gap_tolerance)) return;
  // The gap is in nats. Half the square of a mean error in standard deviations is its share of the
  // gap, so a tenth of a nat per coordinate is an error of almost half a deviation in each.
  const bool far = e.gap > std::max(1.0, 0.1 * static_cast<double>(e.dim));
  judge.lower_to(far ? Grade::kBad : Grade::kUsable,
                 fmt::format("The optimisation ended {}an estimated {:.2g} nats below its optimum; "
                             "{:.2g} were asked for.",
                             e.budget_spent ? "with its budget, " : "", e.gap, e.gap_tolerance));
  judge.suggest("Allow more evaluations or more time.");
}

void judge_starts(const Evidence& e, Judge& judge) {
  if (e.num_failed_starts > 0) {
    judge.remark(
        fmt::format("{} of {} starting points led nowhere.", e.num_failed_starts, e.num_starts));
  }
  if (e.num_modes_covered > 1) {
    judge.lower_to(
        Grade::kUsable,
        fmt::format("Different starting points end in {} different places; the approximation "
                    "is built of all of them, but others may have been missed.",
                    e.num_modes_covered));
  }
  std::ptrdiff_t rivals = 0;
  double best = -std::numeric_limits<double>::infinity();
  for (const double mode : e.other_modes) {
    if (mode > kNegligibleMode) ++rivals;
    best = std::max(best, mode);
  }
  if (rivals > 0) {
    judge.lower_to(
        Grade::kBad,
        fmt::format("Different starting points end in {} different places, the nearest rival "
                    "with {} exp({:.1f}) times the mass: the posterior has several modes.",
                    rivals + 1, "about", best));
    judge.suggest(
        "Break the symmetry of the model (for instance by an ordering), or run several seeds.");
  } else if (!e.other_modes.empty()) {
    judge.remark(fmt::format(
        "Some starting points end in places that hold at most exp({:.0f}) of the mass.", best));
  }
}

/// Modes that are equal by a symmetry: what depends on them is right within one of them only.
void judge_symmetries(const Evidence& e, Judge& judge) {
  constexpr std::string_view kBreak =
      "Break the symmetry of the model, for instance by priors that differ.";
  if (!e.image_modes.empty()) {
    const double best = *std::max_element(e.image_modes.begin(), e.image_modes.end());
    if (best > kNegligibleMode) {
      judge.lower_to(Grade::kBad,
                     fmt::format("Other labels or signs make another mode, with about exp({:.1f}) "
                                 "times the mass, and the draws are of one.",
                                 best));
      judge.suggest(kBreak);
    }
  }
  if (e.symmetries.empty()) return;
  std::string which;
  for (size_t k = 0; k < e.symmetries.size(); ++k) {
    which += (k == 0 ? "" : k + 1 < e.symmetries.size() ? ", " : " and ") + e.symmetries[k];
  }
  const std::string count = e.log_equal_modes < std::log(1e6)
                                ? fmt::format("{:.0f}", std::exp(e.log_equal_modes))
                                : fmt::format("exp({:.0f})", e.log_equal_modes);
  judge.lower_to(Grade::kUsable,
                 fmt::format("The {} are arbitrary: the posterior has {} equal modes, of which the "
                             "draws are one. What depends on them is that mode's; what does not, "
                             "k-hat judges.",
                             which, count));
  judge.suggest(kBreak);
}

}  // namespace

Estimate elbo_from_log_ratios(std::span<const double> log_ratios) {
  if (log_ratios.empty()) return {};
  double n = 0, mean = 0, variance = 0;
  for (const double r : log_ratios) {
    if (!std::isfinite(r)) continue;
    // Welford's recursion.
    n += 1;
    const double d = r - mean;
    mean += d / n;
    variance += d * (r - mean);
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (n == 0) return {-kInfinity, kInfinity};
  // q cut down to where p is positive has the density q / (n / S).
  mean += std::log(n / static_cast<double>(log_ratios.size()));
  return {mean, n > 1 ? std::sqrt(variance / (n - 1) / n) : kInfinity};
}

std::string_view to_string(Grade grade) {
  switch (grade) {
    case Grade::kGood:
      return "good";
    case Grade::kUsable:
      return "usable";
    case Grade::kBad:
      break;
  }
  return "bad";
}

Verdict judge(const Evidence& e) {
  Judge judge;
  if (e.dim == 0) {
    judge.remark("The model has no parameters: there is nothing to approximate.");
    return judge.take();
  }
  if (e.num_judged == 0 || e.num_nonfinite >= e.num_judged) {
    judge.lower_to(Grade::kBad,
                   e.num_starts > 0 && e.num_failed_starts >= e.num_starts
                       ? fmt::format("The log density was not finite at any of {} starting points.",
                                     e.num_starts)
                       : "The log density is finite at none of the draws.");
    judge.suggest(
        "Check the model's constraints and data, or give an initial point inside the support.");
    return judge.take();
  }
  if (e.improper) {
    const std::string where =
        e.improper_coordinate >= 0
            ? fmt::format("unconstrained coordinate {}", e.improper_coordinate + 1)
            : "a combination of coordinates";
    judge.lower_to(
        Grade::kBad,
        fmt::format("The density does not fall off along {}: the posterior is improper.", where));
    judge.suggest("Give every parameter a proper prior.");
  }
  judge_tail(e, judge);
  const double share = static_cast<double>(e.num_nonfinite) / static_cast<double>(e.num_judged);
  if (share > kNonfiniteShare && share < kMostlyOutside && e.reweighted) {
    // A density that is cut off where no constraint says so: draws outside have weight zero, which
    // is what importance weights are for.
    judge.lower_to(Grade::kUsable,
                   fmt::format("The log density is not finite at {:.1f} % of the draws of the "
                               "approximation; the reweighted draws are those inside its support.",
                               100 * share));
    judge.suggest(kDeclareConstraints);
  } else if (share > kNonfiniteShare) {
    judge.lower_to(
        Grade::kBad,
        fmt::format("The log density is not finite at {:.1f} % of the draws.", 100 * share));
    judge.suggest(kDeclareConstraints);
  } else if (e.num_nonfinite > 0) {
    std::string reason = fmt::format("The log density is not finite at {} of {} draws.",
                                     e.num_nonfinite, e.num_judged);
    if (share > kNonfiniteRemark) {
      judge.lower_to(Grade::kUsable, std::move(reason));
    } else {
      judge.remark(std::move(reason));
    }
  }
  judge_optimisation(e, judge);
  judge_starts(e, judge);
  judge_symmetries(e, judge);
  if (!e.sampled && !e.chains_certify && e.dim > 100 &&
      e.ess < 0.01 * static_cast<double>(e.num_judged)) {
    judge.lower_to(Grade::kBad, fmt::format("{} draws have an effective sample size of {:.0f}.",
                                            e.num_judged, e.ess));
  }
  Verdict verdict = judge.take();
  verdict.is_of_one_mode = !e.symmetries.empty();
  return verdict;
}

}  // namespace vinci::diagnose
