#include "infer/fit_given.h"

#include <algorithm>
#include <cmath>

#include "infer/judgement.h"
#include "infer/objective.h"
#include "infer/parallel_log_density.h"
#include "infer/random_streams.h"
#include "infer/tail_probe.h"

namespace vinci::infer {

namespace {
/// Numbers that the judged draws may take.
constexpr Index kMaxJudgedNumbers = 64'000'000;
}  // namespace

FitResult fit_given(const LogDensity& density, const GivenFit& given, const FitOptions& options,
                    const Context& context) {
  options.validate(density.dim());
  numeric::ThreadPool pool(options.threads);
  const ParallelLogDensity parallel(density, pool);
  double spent = 0;
  for (const Stage& s : given.stages) spent += s.seconds;
  // What the fit left of the budget, or enough to say something of it.
  const double seconds = std::max(options.budget_seconds - spent, options.budget_seconds / 8);
  Objective objective(parallel, context, {options.budget_evaluations, seconds});
  FitResult result;
  const Index dim = result.dim = density.dim();
  result.stages = given.stages;
  result.approximation = given.q;
  result.family = given.q->describe();
  result.converged = given.converged;
  Index count =
      options.judge_draws > 0 ? options.judge_draws : std::max<Index>(10'000, options.draws);
  count = std::clamp(kMaxJudgedNumbers / std::max<Index>(dim, 1), std::min(options.draws, count),
                     count);
  Judgement j =
      judge_family(objective, *given.q, count, options.draws, {options.seed, stream::kJudge});
  result.stages.push_back(
      {"judge", objective.evaluations(), objective.elapsed_seconds(), j.elbo.value});
  TailProbe tails;
  if (dim <= options.max_full_rank_dim && !j.psis.weights.empty()) {
    const int64_t before = objective.evaluations();
    const double since = objective.elapsed_seconds();
    tails = probe_tails(objective, j.points);
    result.stages.push_back(
        {"tails", objective.evaluations() - before, objective.elapsed_seconds() - since});
  }
  result.khat = j.psis.khat;
  result.khat_threshold = j.psis.threshold;
  result.ess = j.psis.ess;
  result.num_judged = j.count;
  result.elbo = j.elbo;
  result.log_evidence = {j.psis.log_mean_ratio, j.psis.log_mean_ratio_error};
  hand_out(j, true, options, result);
  result.gap = std::numeric_limits<double>::quiet_NaN();
  result.cancelled = given.cancelled || context.cancelled();
  result.budget_spent = objective.budget_spent();
  result.evaluations = objective.evaluations();
  result.nonfinite_evaluations = objective.nonfinite();
  result.seconds = objective.elapsed_seconds();
  for (const Stage& s : given.stages) result.seconds += s.seconds;
  diagnose::Evidence e;
  e.dim = dim;
  e.num_judged = result.num_judged;
  e.num_nonfinite = j.psis.num_nonfinite;
  e.khat = result.khat;
  e.khat_threshold = result.khat_threshold;
  e.ess = result.ess;
  e.elbo = result.elbo;
  e.reweighted = result.resampled;
  e.stopped_early = !given.converged;
  e.cancelled = result.cancelled;
  e.budget_spent = result.budget_spent;
  e.symmetries = given.symmetries;
  e.log_equal_modes = given.log_equal_modes;
  e.image_modes = given.image_modes;
  e.improper = tails.improper;
  e.improper_coordinate = tails.coordinate;
  result.verdict = diagnose::judge(e);
  return result;
}

}  // namespace vinci::infer
