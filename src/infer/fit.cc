// The strategy of a fit: approximate, judge, climb, doubt, hand out.
#include "infer/fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "infer/dense.h"
#include "infer/fit_run.h"
#include "infer/judgement.h"
#include "infer/method/short_chains.h"
#include "infer/named_methods.h"
#include "infer/random_streams.h"
#include "infer/rungs.h"
#include "infer/tail_probe.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

// Errors of marginals, in deviations and in logarithms of deviations, that short chains must rule
// out.
constexpr double kCertifiedError = 0.25;

class Fit {
 public:
  Fit(const LogDensity& density, const FitOptions& options, const Context& context)
      : run_(density, options, context) {}

  FitResult run() {
    if (dim() == 0) return without_parameters();
    Candidate candidate = approximate(run_);
    result_.budget_spent = objective_.budget_spent();
    if (candidate.q) judge_and_hand_out(candidate);
    finish(candidate);
    return std::move(result_);
  }

 private:
  Index dim() const { return run_.dim(); }
  const SmcResult& sampled() const { return rungs_.sampled(); }

  /// Where k-hat, a judge of all coordinates at once, says no: do the marginals hold all the same?
  void certify(const Candidate& candidate, const Judgement& j) {
    if (j.psis.weights.empty() || objective_.should_stop()) return;
    ShortChainsOptions o;
    o.num_chains = 512;
    o.num_trajectories = 24;
    const double evaluations =
        static_cast<double>(o.num_chains * (o.num_adapt + o.num_trajectories) * o.num_leapfrog);
    const double each =
        objective_.elapsed_seconds() / static_cast<double>(objective_.evaluations());
    if (objective_.evaluations_left() < evaluations ||
        objective_.seconds_left() < each * evaluations) {
      return;
    }
    if (candidate.normals.size() == 1) o.factor = candidate.normals.front().factor();
    chains_ = short_chains(objective_, j.points, o, run_.key(stream::kChains));
    run_.stage("short chains");
  }

  void judge_and_hand_out(Candidate& candidate) {
    Judgement j = run_.judge(*candidate.q, stream::kJudge);
    run_.stage("judge", j.elbo.value);
    run_.note_bound(j.elbo);
    const bool has_states = !options_.discrete.states.empty();
    const bool may_escalate = options_.escalate && options_.method == Method::kAuto && !has_states;
    if (may_escalate) rungs_.climb(candidate, j);
    // In all dimensions of the full-rank families; beyond them it would cost more than the fit.
    if (dim() <= options_.max_full_rank_dim && options_.points.empty() && !has_states) {
      tails_ = probe_tails(objective_, j.points);
      run_.stage("tails");
    }
    if (may_escalate && !tails_.improper && sampled().count == 0 &&
        !(j.khat() <= j.psis.threshold)) {
      certify(candidate, j);
    }
    rungs_.to_original(candidate, j);
    result_.approximation = candidate.q;
    result_.family = candidate.q->describe();
    result_.khat = j.psis.khat;
    result_.khat_threshold = j.psis.threshold;
    result_.ess = j.psis.ess;
    result_.num_judged = j.count;
    result_.log_evidence = {j.psis.log_mean_ratio, j.psis.log_mean_ratio_error};
    num_nonfinite_draws_ = j.psis.num_nonfinite;
    if (sampled().count > 0) return hand_out_particles();
    hand_out(j, !chains_.certifies(kCertifiedError, kCertifiedError), options_, result_);
  }

  void hand_out_particles() {
    result_.sampled = true;
    result_.family = "sequential Monte Carlo from " + result_.family;
    result_.log_evidence = sampled().log_evidence;
    num_nonfinite_draws_ = 0;
    // They stand in the order of their populations: a stride takes of all alike.
    result_.num_draws = std::min(options_.draws, sampled().count);
    std::vector<double> log_q(static_cast<size_t>(result_.num_draws));
    Matrix points(dim(), result_.num_draws);
    for (Index s = 0; s < result_.num_draws; ++s) {
      const Index from = s * sampled().count / result_.num_draws;
      const auto first = sampled().points.begin() + from * dim();
      result_.draws.insert(result_.draws.end(), first, first + dim());
      result_.log_density.push_back(sampled().log_density[static_cast<size_t>(from)]);
      for (Index d = 0; d < dim(); ++d) points(d, s) = first[d];
    }
    result_.approximation->log_q(lanes_of(points), log_q);
    result_.log_q = std::move(log_q);
  }

  void finish(const Candidate& candidate) {
    result_.gap = candidate.gap;
    result_.converged = candidate.q && candidate.converged;
    result_.cancelled = run_.context.cancelled();
    result_.evaluations = objective_.evaluations();
    result_.nonfinite_evaluations = objective_.nonfinite();
    result_.seconds = objective_.elapsed_seconds();
    diagnose::Evidence e;
    e.dim = dim();
    e.num_judged = result_.num_judged;
    e.num_nonfinite = num_nonfinite_draws_;
    e.khat = result_.khat;
    e.khat_threshold = result_.khat_threshold;
    e.ess = result_.ess;
    e.elbo = result_.elbo;
    e.reweighted = result_.resampled;
    e.gap = candidate.gap;
    // The stopping rule aims below what would do harm.
    e.gap_tolerance = 5 * run_.gap_tolerance;
    e.stopped_early = candidate.q && !candidate.converged && std::isnan(candidate.gap);
    e.cancelled = result_.cancelled;
    e.budget_spent = result_.budget_spent;
    e.other_modes = candidate.other_modes;
    e.num_modes_covered = candidate.modes_covered;
    e.adapted = candidate.adapted;
    e.improper = tails_.improper;
    e.improper_coordinate = tails_.coordinate;
    e.chains_ran = chains_.ran;
    e.chains_certify = chains_.certifies(kCertifiedError, kCertifiedError);
    // A drift is the share of the error that the chains have forgotten.
    const double moved = 1 - std::max(0.0, chains_.slowest);
    e.chains_mean_error = chains_.mean_at_most / moved;
    e.chains_log_sd_error = chains_.log_sd_at_most / moved;
    e.num_chains = chains_.num_chains;
    e.sampled = result_.sampled;
    e.populations_agree = sampled().count > 0 && sampled().trustworthy();
    e.population_rhat = sampled().rhat;
    e.num_starts = result_.num_paths;
    e.num_failed_starts = result_.num_failed_paths;
    result_.verdict = diagnose::judge(e);
  }

  /// D = 0: the posterior is a point; its log density is the evidence.
  FitResult without_parameters() {
    double value = 0;
    objective_.evaluate({nullptr, 0, 1, 1}, {&value, 1});
    result_.num_draws = options_.draws;
    result_.log_density.assign(static_cast<size_t>(options_.draws), value);
    result_.log_q.assign(static_cast<size_t>(options_.draws), 0.0);
    result_.family = "point";
    result_.khat = 0;
    result_.gap = 0;
    result_.converged = true;
    result_.elbo = result_.log_evidence = {value, 0};
    result_.evaluations = objective_.evaluations();
    result_.nonfinite_evaluations = objective_.nonfinite();
    result_.seconds = objective_.elapsed_seconds();
    result_.verdict = diagnose::judge({});
    return std::move(result_);
  }

  FitRun run_;
  const FitOptions& options_ = run_.options;
  Objective& objective_ = run_.objective;
  FitResult& result_ = run_.result;
  Rungs rungs_{run_};
  ShortChainsResult chains_;
  TailProbe tails_;
  Index num_nonfinite_draws_ = 0;
};

}  // namespace

FitResult fit(const LogDensity& density, const FitOptions& options, const Context& context) {
  options.validate(density.dim());
  if (options.method == Method::kCavi) {
    throw Error(Error::Kind::kUsage,
                "method is cavi; coordinate ascent needs a program, not a density");
  }
  return Fit(density, options, context).run();
}

}  // namespace vinci::infer
