#include "infer/named_methods.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "infer/best_normal.h"
#include "infer/family/full_rank_normal_family.h"
#include "infer/family/mean_field_normal_family.h"
#include "infer/family/mixture.h"
#include "infer/method/advi.h"
#include "infer/method/batch_and_match.h"
#include "infer/method/deterministic_advi.h"
#include "infer/method/factorised_ascent.h"
#include "infer/method/fit_semi_implicit.h"
#include "infer/method/fit_sinh_arcsinh.h"
#include "infer/method/flow_vi.h"
#include "infer/method/gaussian_score_matching.h"
#include "infer/method/laplace.h"
#include "infer/method/raabbvi.h"
#include "infer/method/sqrt_natural_gradient.h"
#include "infer/random_streams.h"

namespace vinci::infer {
namespace {

bool wants_warp(const FitRun& run) {
  return run.options.family == FamilyChoice::kSinhArcsinh ||
         run.options.family == FamilyChoice::kFlow || run.options.family == FamilyChoice::kSpline;
}

double ratio_at(FitRun& run, const Family& q, const std::vector<double>& point) {
  const LaneMatrix at{point.data(), run.dim(), 1, 1};
  double log_q = 0, log_p = 0;
  q.log_q(at, {&log_q, 1});
  run.objective.evaluate(at, {&log_p, 1});
  return log_p - log_q;
}

/// The family beyond a normal that was asked for, fitted from the best normal. It is not
/// escalated further.
Candidate warped(FitRun& run) {
  Candidate c = fit_full_rank(run);
  if (!c.q || run.objective.should_stop()) return c;
  const std::vector<FullRankNormal> normals = std::exchange(c.normals, {});
  c.modes_covered = 1;
  if (run.options.family == FamilyChoice::kSinhArcsinh) {
    SinhArcsinhOptions o;
    o.gap_tolerance = run.gap_tolerance;
    const SinhArcsinhResult r =
        fit_sinh_arcsinh(run.objective, normals.front(), o, run.key(stream::kMethod));
    run.stage("sinh-arcsinh", r.elbo);
    c.q = std::make_shared<SinhArcsinhNormal>(r.q);
    c.gap = std::max(0.0, r.gap - 2 * r.gap_error);
    c.converged = r.converged || c.gap <= run.gap_tolerance;
  } else {
    FlowViOptions o;
    o.shape.kind =
        run.options.family == FamilyChoice::kFlow ? FlowKind::kRealNvp : FlowKind::kSpline;
    o.pool = &run.pool;
    const FlowViResult r = flow_vi(run.objective, normals.front(), o, run.key(stream::kMethod));
    run.stage(std::string(to_string(o.shape.kind)), r.elbo);
    c.q = r.q ? r.q : std::make_shared<FullRankNormal>(normals.front());
    if (r.q) c.gap = std::numeric_limits<double>::quiet_NaN();
    c.converged = r.converged;
  }
  // Modes that q did not reach from where it started.
  for (size_t k = 1; k < normals.size(); ++k) {
    constexpr double kMissed = 5;  // nats above the ratio at the first mode
    const double here = ratio_at(run, *c.q, normals.front().mean());
    if (ratio_at(run, *c.q, normals[k].mean()) > here + kMissed)
      c.other_modes.push_back(std::log(c.weights[k]));
  }
  return c;
}

Candidate only_patched_batch_and_match(FitRun& run) {
  if (run.start().best < 0) return {};
  Candidate c;
  c.q = fit_patched(run, run.best_path().approximation->mean(),
                    run.best_path().approximation->marginal_sds());
  run.stage("patched batch-and-match");
  return c;
}

/// A full-rank normal whose method has no estimate of its own of how far it is from the best.
Candidate judged_by_gap(FitRun& run, const FullRankNormal& normal, const char* name) {
  Candidate c;
  c.q = std::make_shared<FullRankNormal>(normal);
  if (!run.objective.should_stop()) {
    const GapEstimate gap = estimate_gap(run.objective, normal, 1024, run.key(stream::kGap));
    c.gap = std::max(0.0, gap.gap - 2 * gap.error);
  }
  run.stage(name);
  c.converged = c.gap <= run.gap_tolerance;
  return c;
}

Candidate only_gaussian_score_matching(FitRun& run) {
  if (run.start().best < 0) return {};
  const GaussianScoreMatchingResult r = gaussian_score_matching(
      run.objective, run.best_path().approximation->to_full_rank(), {}, run.key(stream::kMethod));
  return judged_by_gap(run, r.normal, "Gaussian score matching");
}

Candidate factorised(FitRun& run) {
  run.start();
  std::optional<MeanFieldNormal> warm;
  if (run.starts.best >= 0) {
    warm.emplace(run.best_path().approximation->mean(),
                 run.best_path().approximation->marginal_sds());
  }
  const FactorisedFit r =
      fit_factors(run.objective, run.options.factors, run.options.points, warm ? &*warm : nullptr,
                  run.options.init, run.key(stream::kMethod));
  run.stage("factors", r.elbo);
  run.result.factors = r.q->family().fitted(r.q->lambda());
  Candidate c;
  c.q = r.q;
  c.converged = r.converged;
  return c;
}

Candidate only_pathfinder(FitRun& run) {
  if (run.start().best < 0) return {};
  std::vector<NormalPtr> parts;
  for (const PathfinderPath& path : run.starts.paths) {
    if (path.approximation) parts.push_back(path.approximation);
  }
  // All paths weigh the same in the proposal; the importance weights tell them apart.
  const std::vector<double> weights(parts.size(), 1.0);
  Candidate c;
  c.q = std::make_shared<Mixture>(std::move(parts), weights);
  return c;
}

Candidate only_batch_and_match(FitRun& run) {
  if (run.start().best < 0) return {};
  BatchAndMatchOptions o;
  o.iterations = 100;
  const BatchAndMatchResult r = batch_and_match(
      run.objective, run.best_path().approximation->to_full_rank(), o, run.key(stream::kMethod));
  return judged_by_gap(run, r.normal, "batch-and-match");
}

Candidate only_deterministic_advi(FitRun& run) {
  if (run.start().best < 0) return {};
  DeterministicAdviOptions o;
  if (run.options.family == FamilyChoice::kMeanField) o.max_linear_response_dim = 0;
  const DeterministicAdviResult r =
      deterministic_advi(run.objective, run.product_to_start(), o, run.key(stream::kMethod));
  run.stage(r.linear_response ? "deterministic ADVI with linear response" : "deterministic ADVI",
            r.elbo);
  Candidate c;
  c.converged = r.converged;
  if (r.linear_response) {
    c.q = r.linear_response;
  } else {
    c.q = std::make_shared<MeanFieldNormal>(r.mean_field);
  }
  return c;
}

Candidate only_raabbvi(FitRun& run) {
  if (run.start().best < 0) return {};
  const MeanFieldNormal first = run.product_to_start();
  const bool dense = run.options.family == FamilyChoice::kFullRank;
  RaabbviOptions o;
  std::unique_ptr<ParametricFamily> family;
  if (dense) {
    family = std::make_unique<FullRankNormalFamily>(run.dim());
    o.stage.start = FullRankNormalFamily::params_of(run.best_path().approximation->to_full_rank());
  } else {
    family = std::make_unique<MeanFieldNormalFamily>(run.dim());
    o.stage.start = MeanFieldNormalFamily::params_of(first);
  }
  const EstimatorPtr estimator = sticking_the_landing_estimator({.draws = 10});
  const RaabbviResult r =
      raabbvi(run.objective, *family, *estimator, *rmsprop(0.1), o, run.key(stream::kMethod));
  run.stage(dense ? "RAABBVI (full rank)" : "RAABBVI (mean field)", r.objective.value);
  Candidate c;
  c.q = family->at(r.lambda);
  c.converged = r.converged;
  return c;
}

Candidate only_advi(FitRun& run) {
  AdviOptions o;
  o.full_rank = run.options.family == FamilyChoice::kFullRank;
  const AdviResult r = advi(run.objective, o, run.key(stream::kMethod));
  run.stage(o.full_rank ? "advi (full rank)" : "advi (mean field)", r.elbo);
  Candidate c;
  c.q = r.approximation;
  c.converged = r.converged;
  return c;
}

Candidate only_laplace(FitRun& run) {
  if (run.start().best < 0) return {};
  const PathfinderPath* highest = nullptr;
  for (const PathfinderPath& path : run.starts.paths) {
    if (!path.end.empty() && (!highest || path.highest_value > highest->highest_value))
      highest = &path;
  }
  const std::optional<FullRankNormal> normal = laplace(run.objective, highest->end);
  run.stage("laplace");
  Candidate c;
  if (normal) c.q = std::make_shared<FullRankNormal>(*normal);
  return c;
}

Candidate semi_implicit(FitRun& run, bool kernel) {
  if (run.start().best < 0) return {};
  const SemiImplicitFit r =
      fit_semi_implicit(run.objective, run.starts, kernel, run.key(stream::kMethod));
  run.stage(kernel ? "kernel semi-implicit" : "semi-implicit", r.bound);
  Candidate c;
  c.q = r.q;
  c.converged = r.converged;
  return c;
}

Candidate mixed(FitRun& run) {
  MixedViOptions o;
  o.discrete = run.options.discrete;
  const MixedViResult r = mixed_vi(run.objective, o, run.key(stream::kMethod));
  run.keep_time_to_judge();
  run.stage(r.estimator, r.elbo);
  Candidate c;
  c.q = r.q;
  c.converged = r.converged;
  return c;
}

}  // namespace

Candidate approximate(FitRun& run) {
  if (!run.options.discrete.states.empty()) return mixed(run);
  if (!run.options.factors.empty() || !run.options.points.empty()) return factorised(run);
  switch (run.options.method) {
    case Method::kAuto:
    case Method::kNaturalGradient:
      return wants_warp(run) ? warped(run) : fit_best_normal(run);
    case Method::kPathfinder:
      return only_pathfinder(run);
    case Method::kBatchAndMatch:
      return only_batch_and_match(run);
    case Method::kPatchedBatchAndMatch:
      return only_patched_batch_and_match(run);
    case Method::kGaussianScoreMatching:
      return only_gaussian_score_matching(run);
    case Method::kMeanField:
      return fit_mean_field(run);
    case Method::kDeterministicAdvi:
      return only_deterministic_advi(run);
    case Method::kRaabbvi:
      return only_raabbvi(run);
    case Method::kAdvi:
      return only_advi(run);
    case Method::kLaplace:
      return only_laplace(run);
    case Method::kSemiImplicit:
      return semi_implicit(run, false);
    case Method::kKernelSemiImplicit:
      return semi_implicit(run, true);
    case Method::kCavi:
      break;  // not of a density: refused before
  }
  return {};
}

}  // namespace vinci::infer
