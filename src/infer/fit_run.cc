#include "infer/fit_run.h"

#include <algorithm>
#include <utility>

#include "infer/family/normal_of.h"
#include "infer/random_streams.h"

namespace vinci::infer {

FitRun::FitRun(const LogDensity& density, const FitOptions& fit_options, const Context& fit_context)
    : options(fit_options),
      context(fit_context),
      pool(options.threads),
      recentrable(dynamic_cast<const model::Recentrable*>(&density)),
      coordinates(density),
      parallel(coordinates, pool),
      objective(parallel, context, {options.budget_evaluations, options.budget_seconds}),
      gap_tolerance(options.gap_tolerance > 0
                        ? options.gap_tolerance
                        : std::max(0.01, 0.001 * static_cast<double>(density.dim()))),
      checkpoints(objective, options.on_checkpoint, options.checkpoint_seconds) {
  result.dim = density.dim();
}

void FitRun::stage(const std::string& name, double elbo) {
  const double now = objective.elapsed_seconds();
  const int64_t evaluations = objective.evaluations();
  result.stages.push_back({name, evaluations - staged_evaluations_, now - staged_seconds_, elbo});
  staged_evaluations_ = evaluations;
  staged_seconds_ = now;
  Progress p;
  p.stage = name;
  p.fraction = std::numeric_limits<double>::quiet_NaN();
  p.elbo = elbo;
  p.elapsed_seconds = now;
  context.progress(p);
}

const PathfinderResult& FitRun::start() {
  PathfinderOptions o;
  o.num_paths = options.num_paths;
  o.init_radius = options.init_radius;
  // Paths keep two vectors for each of their points.
  o.lbfgs.max_points = std::clamp<Index>(10'000'000 / (dim() * o.num_paths), 10, 1000);
  starts = pathfinder(objective, o, key(stream::kPathfinder), options.init);
  keep_time_to_judge();
  result.num_paths = o.num_paths;
  result.num_failed_paths = starts.num_failed;
  if (starts.best < 0 && options.start) starts_from_given();
  stage("pathfinder",
        starts.best >= 0 ? best_path().elbo : -std::numeric_limits<double>::infinity());
  return starts;
}

/// No path got anywhere, or there was no time for one: the start that was given stands for them.
void FitRun::starts_from_given() {
  const MeanFieldNormal given = mean_field_normal_of(*options.start);
  std::vector<double> variance, basis(given.mean().size(), 0.0);
  for (const double s : given.sd()) variance.push_back(s * s);
  basis[0] = 1;  // one column that changes nothing
  PathfinderPath& path = starts.paths.emplace_back();
  path.approximation = std::make_shared<LowRankNormal>(given.mean(), std::move(variance),
                                                       std::move(basis), std::vector<double>{1});
  path.elbo = estimate_elbo(objective, *path.approximation, 200, key(stream::kRaceElbo)).value;
  path.end = given.mean();
  path.highest_value = -std::numeric_limits<double>::infinity();
  starts.best = static_cast<Index>(starts.paths.size()) - 1;
}

MeanFieldNormal FitRun::product_to_start() {
  const LowRankNormal& path = *best_path().approximation;
  const MeanFieldNormal found(path.mean(), path.marginal_sds());
  if (!options.start) return found;
  const MeanFieldNormal given = mean_field_normal_of(*options.start);
  const auto elbo = [this](const Family& q) {
    return estimate_elbo(objective, q, 200, key(stream::kRaceElbo)).value;
  };
  return elbo(given) >= elbo(found) ? given : found;
}

Index FitRun::judge_count() const {
  if (options.judge_draws > 0) return std::max(options.judge_draws, options.draws);
  // Enough for resampling to find few copies, within memory for 8 million numbers.
  return std::max({std::min(Index{10000}, 8'000'000 / dim()), options.draws, Index{2000}});
}

/// What an evaluation costs is known by now. A density so slow that its draws would take more than
/// a quarter of the budget has to overrun it.
void FitRun::keep_time_to_judge() {
  const double each = objective.elapsed_seconds() /
                      static_cast<double>(std::max<int64_t>(1, objective.evaluations()));
  const auto count = static_cast<double>(least_judged() + options.later_evaluations);
  objective.reserve(std::min(each * count, 0.25 * options.budget_seconds));
}

Judgement FitRun::judge(const Family& q, uint32_t stream) {
  objective.reserve(0);
  Judgement j = judge_family(objective, q, judge_count(), least_judged(), key(stream));
  keep_time_to_judge();
  return j;
}

}  // namespace vinci::infer
