#include "infer/best_normal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "infer/family/mixture.h"
#include "infer/family/normal_of.h"
#include "infer/ladder.h"
#include "infer/method/mean_field_adam.h"
#include "infer/method/patched_batch_and_match.h"
#include "infer/method/sparse_newton.h"
#include "infer/method/sqrt_natural_gradient.h"
#include "infer/random_streams.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

bool wants_mean_field(const FitRun& run) {
  return run.options.family == FamilyChoice::kMeanField ||
         (run.options.family == FamilyChoice::kAuto && run.dim() > run.options.max_full_rank_dim);
}

/// How to keep the precision sparse; nothing where it is not worth it.
std::optional<SparsePlan> plan_precision(const FitRun& run) {
  if (run.options.family == FamilyChoice::kAuto) return plan_where_it_pays(run.objective);
  if (run.options.family != FamilyChoice::kSparse) return {};
  auto pairs = run.objective.hessian_pattern(max_pairs_of_plan(run.dim()));
  if (!pairs) {
    throw Error(Error::Kind::kUsage,
                "family is `sparse`; the Hessian of this model is dense, so that nothing can be "
                "left out of its precision matrix: use full-rank or mean-field");
  }
  return plan_sparse(run.dim(), std::move(*pairs));
}

Candidate fit_sparse(FitRun& run, const SparsePlan& plan) {
  const LowRankNormal& path = *run.best_path().approximation;
  SparseNewtonOptions o;
  o.gap_tolerance = run.gap_tolerance;
  const MeanFieldNormal first = run.product_to_start();
  SparseNewtonResult r =
      sparse_newton(run.objective, plan, first.mean(), first.sd(), o, run.key(stream::kMethod));
  run.stage("sparse Newton (warm)", r.elbo);
  const auto bound = [&run](const Family& q) {
    return estimate_elbo(run.objective, q, 256, run.key(stream::kRaceElbo)).value;
  };
  // Paths that start at random far out can end in a funnel's neck: the centre is another start.
  const auto n = static_cast<size_t>(run.dim());
  SparseNewtonResult cold = sparse_newton(run.objective, plan, std::vector<double>(n, 0.0),
                                          std::vector<double>(n, 0.5), o, run.key(stream::kMethod));
  run.stage("sparse Newton (cold)", cold.elbo);
  if (cold.normal && !(r.normal && bound(*r.normal) >= bound(*cold.normal))) r = std::move(cold);
  if (!r.normal) return {};
  // Where both went astray, the dense methods may not.
  if (!(bound(*r.normal) > bound(path))) return {};
  Candidate c;
  c.q = r.normal;
  if (run.dim() <= kMaxDenseEscalationDim) {
    c.normals.push_back(r.normal->to_full_rank());
    c.weights.push_back(1);
  }
  c.may_recentre = true;
  c.gap = std::max(0.0, r.gap - 2 * r.gap_error);
  c.converged = r.converged;
  return c;
}

}  // namespace

Candidate fit_full_rank(FitRun& run) {
  if (run.starts.paths.empty()) run.start();
  if (run.starts.best < 0) return {};
  LadderOptions o;
  o.seed = run.options.seed;
  o.gap_tolerance = run.gap_tolerance;
  o.checkpoints = &run.checkpoints;
  if (run.options.start) o.start = full_rank_normal_of(*run.options.start);
  LadderResult r =
      climb_full_rank(run.objective, run.starts, o,
                      [&run](const std::string& name, double elbo) { run.stage(name, elbo); });
  Candidate c;
  if (!r.best.converged && !run.objective.should_stop()) {
    // The steps' own estimate is of wandering iterates; what counts is their average.
    const GapEstimate gap = estimate_gap(run.objective, r.best.normal, 2048, run.key(stream::kGap));
    r.best.gap = gap.gap;
    r.best.gap_error = gap.error;
    run.stage("gap", r.best.elbo);
  }
  c.gap = std::max(0.0, r.best.gap - 2 * r.best.gap_error);
  c.converged = c.gap <= run.gap_tolerance;
  c.normals.push_back(r.best.normal);
  c.weights.push_back(1);
  c.q = std::make_shared<FullRankNormal>(r.best.normal);
  if (r.rivals.empty()) return c;
  if (!run.options.escalate || run.options.method != Method::kAuto) {
    for (const Ascended& rival : r.rivals) c.other_modes.push_back(rival.elbo - r.best.elbo);
    return c;
  }
  std::vector<NormalPtr> parts{std::make_shared<FullRankNormal>(r.best.normal)};
  for (const Ascended& rival : r.rivals) {
    c.normals.push_back(rival.normal);
    c.weights.push_back(std::exp(rival.elbo - r.best.elbo));
    parts.push_back(std::make_shared<FullRankNormal>(rival.normal));
  }
  c.modes_covered = static_cast<Index>(parts.size());
  c.q = std::make_shared<Mixture>(std::move(parts), c.weights);
  return c;
}

Candidate fit_mean_field(FitRun& run) {
  if (run.starts.paths.empty()) run.start();
  if (run.starts.best < 0) return {};
  const LowRankNormal& low_rank = *run.best_path().approximation;
  MeanFieldAdamOptions o;
  o.checkpoints = &run.checkpoints;
  const MeanFieldAdamResult r =
      mean_field_adam(run.objective, run.product_to_start(), o, run.key(stream::kMethod));
  run.stage("mean field", r.elbo);
  Candidate c;
  c.q = std::make_shared<MeanFieldNormal>(r.normal);
  c.converged = r.converged;
  if (run.options.family != FamilyChoice::kAuto || run.options.method == Method::kMeanField)
    return c;
  c.may_recentre = true;
  // Correlations of low rank: Pathfinder's own, and those that matching scores finds from there.
  const auto bound = [&run](const Family& q) {
    return estimate_elbo(run.objective, q, 200, run.key(stream::kRaceElbo)).value;
  };
  double best = bound(*c.q);
  const auto consider = [&](const FamilyPtr& q) {
    const double elbo = q ? bound(*q) : -std::numeric_limits<double>::infinity();
    if (!(elbo > best)) return;
    best = elbo;
    c.q = q;
    c.converged = true;
  };
  consider(run.best_path().approximation);
  if (!run.objective.should_stop()) {
    consider(fit_patched(run, low_rank.mean(), low_rank.marginal_sds()));
    run.stage("patched batch-and-match", best);
  }
  return c;
}

FamilyPtr fit_patched(FitRun& run, const std::vector<double>& mean, const std::vector<double>& sd) {
  PatchedBatchAndMatchOptions o;
  o.rank = std::min<Index>(32, run.dim());
  return patched_batch_and_match(run.objective, mean, sd, o, run.key(stream::kMethod)).normal;
}

Candidate fit_best_normal(FitRun& run) {
  if (const std::optional<SparsePlan> plan = plan_precision(run)) {
    if (run.start().best < 0) return {};
    Candidate c = fit_sparse(run, *plan);
    if (c.q) return c;
  }
  return wants_mean_field(run) ? fit_mean_field(run) : fit_full_rank(run);
}

}  // namespace vinci::infer
