#include "infer/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "infer/checkpoint.h"
#include "infer/dense.h"
#include "infer/family/defended.h"
#include "infer/family/full_rank_normal.h"
#include "infer/family/full_rank_normal_family.h"
#include "infer/family/mean_field_normal.h"
#include "infer/family/mean_field_normal_family.h"
#include "infer/family/mixture.h"
#include "infer/family/normal_of.h"
#include "infer/family/recentred_family.h"
#include "infer/judgement.h"
#include "infer/ladder.h"
#include "infer/method/adaptive_mixture.h"
#include "infer/method/advi.h"
#include "infer/method/batch_and_match.h"
#include "infer/method/centring.h"
#include "infer/method/deterministic_advi.h"
#include "infer/method/factorised_ascent.h"
#include "infer/method/fit_semi_implicit.h"
#include "infer/method/fit_sinh_arcsinh.h"
#include "infer/method/flow_vi.h"
#include "infer/method/gaussian_score_matching.h"
#include "infer/method/laplace.h"
#include "infer/method/mean_field_adam.h"
#include "infer/method/patched_batch_and_match.h"
#include "infer/method/pathfinder.h"
#include "infer/method/raabbvi.h"
#include "infer/method/short_chains.h"
#include "infer/method/smc.h"
#include "infer/method/sparse_newton.h"
#include "infer/method/sqrt_natural_gradient.h"
#include "infer/objective.h"
#include "infer/parallel_log_density.h"
#include "infer/random_streams.h"
#include "infer/tail_probe.h"
#include "numeric/random/random_stream.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

struct MethodWord {
  Method method;
  std::string_view word;
};
constexpr std::array<MethodWord, 13> kMethods = {
    {{Method::kAuto, "auto"},
     {Method::kPathfinder, "pathfinder"},
     {Method::kBatchAndMatch, "bam"},
     {Method::kPatchedBatchAndMatch, "pbam"},
     {Method::kGaussianScoreMatching, "gsm"},
     {Method::kNaturalGradient, "natural-gradient"},
     {Method::kMeanField, "mean-field"},
     {Method::kDeterministicAdvi, "dadvi"},
     {Method::kRaabbvi, "raabbvi"},
     {Method::kAdvi, "advi"},
     {Method::kLaplace, "laplace"},
     {Method::kSemiImplicit, "semi-implicit"},
     {Method::kKernelSemiImplicit, "kernel-semi-implicit"}}};
struct FamilyWord {
  FamilyChoice family;
  std::string_view word;
};
constexpr std::array<FamilyWord, 8> kFamilies = {{{FamilyChoice::kAuto, "auto"},
                                                  {FamilyChoice::kMeanField, "mean-field"},
                                                  {FamilyChoice::kFullRank, "full-rank"},
                                                  {FamilyChoice::kSparse, "sparse"},
                                                  {FamilyChoice::kSinhArcsinh, "sinh-arcsinh"},
                                                  {FamilyChoice::kFlow, "flow"},
                                                  {FamilyChoice::kFlow, "real-nvp"},
                                                  {FamilyChoice::kSpline, "spline"}}};

/// What a method leaves to be judged.
struct Candidate {
  FamilyPtr q;  // null: the method failed
  std::vector<FullRankNormal>
      normals;                  // what q is made of, where escalations can build on it, best first
  std::vector<double> weights;  // of them
  double gap = std::numeric_limits<double>::quiet_NaN();
  bool converged = true;
  bool adapted = false;  // fitted to importance-weighted draws
  Index modes_covered = 1;
  std::vector<double> other_modes;  // log mass relative to q, of what q does not cover
};

// Below this dimension a dense covariance is cheap.
constexpr Index kMinSparseDim = 150;
// Up to here a sparse normal is written out in full for what builds on it.
constexpr Index kMaxDenseEscalationDim = 500;
constexpr Index kMaxPairsPerRow = 40;
constexpr Index kMaxColours = 60;

// Importance weights will do up to here, with room for the error of k-hat itself.
constexpr double kReliableKhat = 0.65;
constexpr double kGoodKhat = 0.5;
// Errors of marginals, in deviations and in logarithms of deviations, that short chains must rule
// out.
constexpr double kCertifiedError = 0.25;

constexpr Index kMaxWarpedDim = 300;
// The networks of a flow learn some hundreds of numbers for each coordinate.
constexpr Index kMaxFlowDim = 60;

// The mixture learns D^2/2 numbers a component from a few thousand effective draws.
constexpr Index kMaxMixtureDim = 40;
constexpr Index kMaxSampledDim = 200;

class Fit {
 public:
  Fit(const LogDensity& density, const FitOptions& options, const Context& context)
      : options_(options),
        context_(context),
        pool_(options.threads),
        recentrable_(dynamic_cast<const model::Recentrable*>(&density)),
        coordinates_(density),
        parallel_(coordinates_, pool_),
        objective_(parallel_, context_, {options.budget_evaluations, options.budget_seconds}),
        gap_tolerance_(options.gap_tolerance > 0
                           ? options.gap_tolerance
                           : std::max(0.01, 0.001 * static_cast<double>(density.dim()))),
        checkpoints_(objective_, options.on_checkpoint, options.checkpoint_seconds) {
    result_.dim = density.dim();
  }

  FitResult run() {
    if (result_.dim == 0) return without_parameters();
    Candidate candidate = approximate();
    result_.budget_spent = objective_.budget_spent();
    if (candidate.q) judge_and_hand_out(candidate);
    finish(candidate);
    return std::move(result_);
  }

 private:
  Index dim() const { return result_.dim; }
  numeric::RandomKey key(uint32_t stream) const { return {options_.seed, stream}; }
  bool wants_mean_field() const {
    return options_.family == FamilyChoice::kMeanField ||
           (options_.family == FamilyChoice::kAuto && dim() > options_.max_full_rank_dim);
  }

  void stage(const std::string& name, double elbo) {
    const double now = objective_.elapsed_seconds();
    const int64_t evaluations = objective_.evaluations();
    result_.stages.push_back(
        {name, evaluations - staged_evaluations_, now - staged_seconds_, elbo});
    staged_evaluations_ = evaluations;
    staged_seconds_ = now;
    Progress p;
    p.stage = name;
    p.fraction = std::numeric_limits<double>::quiet_NaN();
    p.elbo = elbo;
    p.elapsed_seconds = now;
    context_.progress(p);
  }

  Candidate approximate() {
    if (!options_.factors.empty() || !options_.points.empty()) return factorised();
    switch (options_.method) {
      case Method::kAuto:
      case Method::kNaturalGradient:
        return wants_warp() ? warped() : normal();
      case Method::kPathfinder:
        return only_pathfinder();
      case Method::kBatchAndMatch:
        return only_batch_and_match();
      case Method::kPatchedBatchAndMatch:
        return only_patched_batch_and_match();
      case Method::kGaussianScoreMatching:
        return only_gaussian_score_matching();
      case Method::kMeanField:
        return mean_field();
      case Method::kDeterministicAdvi:
        return only_deterministic_advi();
      case Method::kRaabbvi:
        return only_raabbvi();
      case Method::kAdvi:
        return only_advi();
      case Method::kLaplace:
        return only_laplace();
      case Method::kSemiImplicit:
        return semi_implicit(false);
      case Method::kKernelSemiImplicit:
        return semi_implicit(true);
    }
    return {};
  }

  const PathfinderResult& start() {
    PathfinderOptions o;
    o.num_paths = options_.num_paths;
    o.init_radius = options_.init_radius;
    // Paths keep two vectors for each of their points.
    o.lbfgs.max_points = std::clamp<Index>(10'000'000 / (dim() * o.num_paths), 10, 1000);
    starts_ = pathfinder(objective_, o, key(stream::kPathfinder), options_.init);
    result_.num_paths = o.num_paths;
    result_.num_failed_paths = starts_.num_failed;
    if (starts_.best < 0 && options_.start) starts_from_given();
    stage("pathfinder",
          starts_.best >= 0 ? best_path().elbo : -std::numeric_limits<double>::infinity());
    return starts_;
  }
  /// No path got anywhere, or there was no time for one: the start that was given stands for them.
  void starts_from_given() {
    const MeanFieldNormal given = mean_field_normal_of(*options_.start);
    std::vector<double> variance, basis(given.mean().size(), 0.0);
    for (const double s : given.sd()) variance.push_back(s * s);
    basis[0] = 1;  // one column that changes nothing
    PathfinderPath& path = starts_.paths.emplace_back();
    path.approximation = std::make_shared<LowRankNormal>(given.mean(), std::move(variance),
                                                         std::move(basis), std::vector<double>{1});
    path.elbo = estimate_elbo(objective_, *path.approximation, 200, key(stream::kRaceElbo)).value;
    path.end = given.mean();
    path.highest_value = -std::numeric_limits<double>::infinity();
    starts_.best = static_cast<Index>(starts_.paths.size()) - 1;
  }

  const PathfinderPath& best_path() const {
    return starts_.paths[static_cast<size_t>(starts_.best)];
  }

  Candidate full_rank() {
    if (starts_.paths.empty()) start();
    if (starts_.best < 0) return {};
    LadderOptions o;
    o.seed = options_.seed;
    o.gap_tolerance = gap_tolerance_;
    o.checkpoints = &checkpoints_;
    if (options_.start) o.start = full_rank_normal_of(*options_.start);
    LadderResult r =
        climb_full_rank(objective_, starts_, o,
                        [this](const std::string& name, double elbo) { stage(name, elbo); });
    Candidate c;
    if (!r.best.converged && !objective_.should_stop()) {
      // The steps' own estimate is of wandering iterates; what counts is their average.
      const GapEstimate gap = estimate_gap(objective_, r.best.normal, 2048, key(stream::kGap));
      r.best.gap = gap.gap;
      r.best.gap_error = gap.error;
      stage("gap", r.best.elbo);
    }
    c.gap = std::max(0.0, r.best.gap - 2 * r.best.gap_error);
    c.converged = c.gap <= gap_tolerance_;
    c.normals.push_back(r.best.normal);
    c.weights.push_back(1);
    c.q = std::make_shared<FullRankNormal>(r.best.normal);
    if (r.rivals.empty()) return c;
    if (!options_.escalate || options_.method != Method::kAuto) {
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

  /// The best normal that the dimension allows.
  Candidate normal() {
    if (const std::optional<SparsePlan> plan = plan_precision()) {
      if (start().best < 0) return {};
      Candidate c = sparse(*plan);
      if (c.q) return c;
    }
    return wants_mean_field() ? mean_field() : full_rank();
  }

  bool wants_warp() const {
    return options_.family == FamilyChoice::kSinhArcsinh ||
           options_.family == FamilyChoice::kFlow || options_.family == FamilyChoice::kSpline;
  }

  /// The family beyond a normal that was asked for, fitted from the best normal. It is not
  /// escalated further.
  Candidate warped() {
    Candidate c = full_rank();
    if (!c.q || objective_.should_stop()) return c;
    const std::vector<FullRankNormal> normals = std::exchange(c.normals, {});
    c.modes_covered = 1;
    if (options_.family == FamilyChoice::kSinhArcsinh) {
      SinhArcsinhOptions o;
      o.gap_tolerance = gap_tolerance_;
      const SinhArcsinhResult r =
          fit_sinh_arcsinh(objective_, normals.front(), o, key(stream::kMethod));
      stage("sinh-arcsinh", r.elbo);
      c.q = std::make_shared<SinhArcsinhNormal>(r.q);
      c.gap = std::max(0.0, r.gap - 2 * r.gap_error);
      c.converged = r.converged || c.gap <= gap_tolerance_;
    } else {
      FlowViOptions o;
      o.shape.kind =
          options_.family == FamilyChoice::kFlow ? FlowKind::kRealNvp : FlowKind::kSpline;
      o.pool = &pool_;
      const FlowViResult r = flow_vi(objective_, normals.front(), o, key(stream::kMethod));
      stage(std::string(to_string(o.shape.kind)), r.elbo);
      c.q = r.q ? r.q : std::make_shared<FullRankNormal>(normals.front());
      if (r.q) c.gap = std::numeric_limits<double>::quiet_NaN();
      c.converged = r.converged;
    }
    // Modes that q did not reach from where it started.
    for (size_t k = 1; k < normals.size(); ++k) {
      constexpr double kMissed = 5;  // nats above the ratio at the first mode
      const double here = ratio_at(*c.q, normals.front().mean());
      if (ratio_at(*c.q, normals[k].mean()) > here + kMissed)
        c.other_modes.push_back(std::log(c.weights[k]));
    }
    return c;
  }

  double ratio_at(const Family& q, const std::vector<double>& point) {
    const LaneMatrix at{point.data(), dim(), 1, 1};
    double log_q = 0, log_p = 0;
    q.log_q(at, {&log_q, 1});
    objective_.evaluate(at, {&log_p, 1});
    return log_p - log_q;
  }

  /// Marginals of the best path, or of the start that was given if that leads.
  MeanFieldNormal product_to_start() {
    const LowRankNormal& path = *best_path().approximation;
    const MeanFieldNormal found(path.mean(), path.marginal_sds());
    if (!options_.start) return found;
    const MeanFieldNormal given = mean_field_normal_of(*options_.start);
    const auto elbo = [this](const Family& q) {
      return estimate_elbo(objective_, q, 200, key(stream::kRaceElbo)).value;
    };
    return elbo(given) >= elbo(found) ? given : found;
  }

  /// How to keep the precision sparse; nothing where it is not worth it.
  std::optional<SparsePlan> plan_precision() const {
    const bool asked = options_.family == FamilyChoice::kSparse;
    if (!asked && (options_.family != FamilyChoice::kAuto || dim() < kMinSparseDim)) return {};
    auto pairs = objective_.hessian_pattern(static_cast<size_t>(kMaxPairsPerRow * dim()));
    if (!pairs) {
      if (asked) {
        throw Error(
            Error::Kind::kUsage,
            "family is `sparse`; the Hessian of this model is dense, so that nothing can be "
            "left out of its precision matrix: use full-rank or mean-field");
      }
      return {};
    }
    SparsePlan plan = plan_sparse(dim(), std::move(*pairs));
    // A dense step costs about D^2 a draw; a sparse one its colours' gradients and its factor.
    const bool pays = plan.num_colours <= kMaxColours && plan.factor_entries < dim() * dim() / 4;
    if (!asked && !pays) return {};
    return plan;
  }

  Candidate sparse(const SparsePlan& plan) {
    const LowRankNormal& path = *best_path().approximation;
    SparseNewtonOptions o;
    o.gap_tolerance = gap_tolerance_;
    const MeanFieldNormal first = product_to_start();
    SparseNewtonResult r =
        sparse_newton(objective_, plan, first.mean(), first.sd(), o, key(stream::kMethod));
    stage("sparse Newton (warm)", r.elbo);
    const auto bound = [this](const Family& q) {
      return estimate_elbo(objective_, q, 256, key(stream::kRaceElbo)).value;
    };
    // Paths that start at random far out can end in a funnel's neck: the centre is another start.
    const auto n = static_cast<size_t>(dim());
    SparseNewtonResult cold = sparse_newton(objective_, plan, std::vector<double>(n, 0.0),
                                            std::vector<double>(n, 0.5), o, key(stream::kMethod));
    stage("sparse Newton (cold)", cold.elbo);
    if (cold.normal && !(r.normal && bound(*r.normal) >= bound(*cold.normal))) r = std::move(cold);
    if (!r.normal) return {};
    // Where both went astray, the dense methods may not.
    if (!(bound(*r.normal) > bound(path))) return {};
    Candidate c;
    c.q = r.normal;
    if (dim() <= kMaxDenseEscalationDim) {
      c.normals.push_back(r.normal->to_full_rank());
      c.weights.push_back(1);
    }
    c.gap = std::max(0.0, r.gap - 2 * r.gap_error);
    c.converged = r.converged;
    return c;
  }

  Candidate mean_field() {
    if (starts_.paths.empty()) start();
    if (starts_.best < 0) return {};
    const LowRankNormal& low_rank = *best_path().approximation;
    MeanFieldAdamOptions o;
    o.checkpoints = &checkpoints_;
    const MeanFieldAdamResult r =
        mean_field_adam(objective_, product_to_start(), o, key(stream::kMethod));
    stage("mean field", r.elbo);
    Candidate c;
    c.q = std::make_shared<MeanFieldNormal>(r.normal);
    c.converged = r.converged;
    if (options_.family != FamilyChoice::kAuto || options_.method == Method::kMeanField) return c;
    // Correlations of low rank: Pathfinder's own, and those that matching scores finds from there.
    const auto bound = [this](const Family& q) {
      return estimate_elbo(objective_, q, 200, key(stream::kRaceElbo)).value;
    };
    double best = bound(*c.q);
    const auto consider = [&](const FamilyPtr& q) {
      const double elbo = q ? bound(*q) : -std::numeric_limits<double>::infinity();
      if (!(elbo > best)) return;
      best = elbo;
      c.q = q;
      c.converged = true;
    };
    consider(best_path().approximation);
    if (!objective_.should_stop()) {
      consider(patched(low_rank.mean(), low_rank.marginal_sds()));
      stage("patched batch-and-match", best);
    }
    return c;
  }

  FamilyPtr patched(const std::vector<double>& mean, const std::vector<double>& sd) {
    PatchedBatchAndMatchOptions o;
    o.rank = std::min<Index>(32, dim());
    return patched_batch_and_match(objective_, mean, sd, o, key(stream::kMethod)).normal;
  }

  Candidate only_patched_batch_and_match() {
    if (start().best < 0) return {};
    Candidate c;
    c.q = patched(best_path().approximation->mean(), best_path().approximation->marginal_sds());
    stage("patched batch-and-match", std::numeric_limits<double>::quiet_NaN());
    return c;
  }

  Candidate only_gaussian_score_matching() {
    if (start().best < 0) return {};
    const GaussianScoreMatchingResult r = gaussian_score_matching(
        objective_, best_path().approximation->to_full_rank(), {}, key(stream::kMethod));
    return judged_by_gap(r.normal, "Gaussian score matching");
  }

  /// A full-rank normal whose method has no estimate of its own of how far it is from the best.
  Candidate judged_by_gap(const FullRankNormal& normal, const char* name) {
    Candidate c;
    c.q = std::make_shared<FullRankNormal>(normal);
    if (!objective_.should_stop()) {
      const GapEstimate gap = estimate_gap(objective_, normal, 1024, key(stream::kGap));
      c.gap = std::max(0.0, gap.gap - 2 * gap.error);
    }
    stage(name, std::numeric_limits<double>::quiet_NaN());
    c.converged = c.gap <= gap_tolerance_;
    return c;
  }

  Candidate factorised() {
    start();
    std::optional<MeanFieldNormal> warm;
    if (starts_.best >= 0) {
      warm.emplace(best_path().approximation->mean(), best_path().approximation->marginal_sds());
    }
    const FactorisedFit r =
        fit_factors(objective_, options_.factors, options_.points, warm ? &*warm : nullptr,
                    options_.init, key(stream::kMethod));
    stage("factors", r.elbo);
    result_.factors = r.q->family().fitted(r.q->lambda());
    Candidate c;
    c.q = r.q;
    c.converged = r.converged;
    return c;
  }

  Candidate only_pathfinder() {
    if (start().best < 0) return {};
    std::vector<NormalPtr> parts;
    for (const PathfinderPath& path : starts_.paths) {
      if (path.approximation) parts.push_back(path.approximation);
    }
    // All paths weigh the same in the proposal; the importance weights tell them apart.
    const std::vector<double> weights(parts.size(), 1.0);
    Candidate c;
    c.q = std::make_shared<Mixture>(std::move(parts), weights);
    return c;
  }

  Candidate only_batch_and_match() {
    if (start().best < 0) return {};
    BatchAndMatchOptions o;
    o.iterations = 100;
    const BatchAndMatchResult r = batch_and_match(
        objective_, best_path().approximation->to_full_rank(), o, key(stream::kMethod));
    return judged_by_gap(r.normal, "batch-and-match");
  }

  Candidate only_deterministic_advi() {
    if (start().best < 0) return {};
    DeterministicAdviOptions o;
    if (options_.family == FamilyChoice::kMeanField) o.max_linear_response_dim = 0;
    const DeterministicAdviResult r =
        deterministic_advi(objective_, product_to_start(), o, key(stream::kMethod));
    stage(r.linear_response ? "deterministic ADVI with linear response" : "deterministic ADVI",
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

  Candidate only_raabbvi() {
    if (start().best < 0) return {};
    const MeanFieldNormal first = product_to_start();
    const bool dense = options_.family == FamilyChoice::kFullRank;
    RaabbviOptions o;
    std::unique_ptr<ParametricFamily> family;
    if (dense) {
      family = std::make_unique<FullRankNormalFamily>(dim());
      o.stage.start = FullRankNormalFamily::params_of(best_path().approximation->to_full_rank());
    } else {
      family = std::make_unique<MeanFieldNormalFamily>(dim());
      o.stage.start = MeanFieldNormalFamily::params_of(first);
    }
    const EstimatorPtr estimator = sticking_the_landing_estimator({.draws = 10});
    const RaabbviResult r =
        raabbvi(objective_, *family, *estimator, *rmsprop(0.1), o, key(stream::kMethod));
    stage(dense ? "RAABBVI (full rank)" : "RAABBVI (mean field)", r.objective.value);
    Candidate c;
    c.q = family->at(r.lambda);
    c.converged = r.converged;
    return c;
  }

  Candidate only_advi() {
    AdviOptions o;
    o.full_rank = options_.family == FamilyChoice::kFullRank;
    const AdviResult r = advi(objective_, o, key(stream::kMethod));
    stage(o.full_rank ? "advi (full rank)" : "advi (mean field)", r.elbo);
    Candidate c;
    c.q = r.approximation;
    c.converged = r.converged;
    return c;
  }

  Candidate only_laplace() {
    if (start().best < 0) return {};
    const PathfinderPath* highest = nullptr;
    for (const PathfinderPath& path : starts_.paths) {
      if (!path.end.empty() && (!highest || path.highest_value > highest->highest_value))
        highest = &path;
    }
    const std::optional<FullRankNormal> normal = laplace(objective_, highest->end);
    stage("laplace", std::numeric_limits<double>::quiet_NaN());
    Candidate c;
    if (normal) c.q = std::make_shared<FullRankNormal>(*normal);
    return c;
  }

  Candidate semi_implicit(bool kernel) {
    if (start().best < 0) return {};
    const SemiImplicitFit r = fit_semi_implicit(objective_, starts_, kernel, key(stream::kMethod));
    stage(kernel ? "kernel semi-implicit" : "semi-implicit", r.bound);
    Candidate c;
    c.q = r.q;
    c.converged = r.converged;
    return c;
  }

  Index judge_count() const {
    if (options_.judge_draws > 0) return std::max(options_.judge_draws, options_.draws);
    // Enough for resampling to find few copies, within memory for 8 million numbers.
    return std::max({std::min(Index{10000}, 8'000'000 / dim()), options_.draws, Index{2000}});
  }

  Judgement judge(const Family& q, uint32_t stream) {
    return judge_family(objective_, q, judge_count(), std::max<Index>(options_.draws, 1000),
                        key(stream));
  }

  /// Every ELBO bounds the evidence: the highest is reported, whichever approximation the draws
  /// come from. (One made wider for the sake of its importance weights has a lower bound and better
  /// draws.)
  void note_bound(const diagnose::Estimate& elbo) {
    if (!(elbo.value <= result_.elbo.value)) result_.elbo = elbo;
  }

  /// Richer families, cheapest first, until k-hat is good. Each is kept only if k-hat falls by
  /// 0.05.
  void escalate(Candidate& candidate, Judgement& j) {
    constexpr double kWorthwhile = 0.05;
    const auto consider = [&](const FamilyPtr& q, uint32_t stream, const char* name) {
      Judgement next = judge(*q, stream);
      stage(name, next.elbo.value);
      note_bound(next.elbo);
      if (!(next.khat() < j.khat() - kWorthwhile)) return;
      candidate.q = q;
      j = std::move(next);
    };
    if (j.khat() <= kGoodKhat || objective_.should_stop()) return;
    recentre(candidate, j);
    if (j.khat() <= kGoodKhat || objective_.should_stop()) return;
    const bool one_mode = candidate.normals.size() == 1;
    if (one_mode && dim() <= kMaxWarpedDim) warp(candidate, j);
    if (j.khat() <= kGoodKhat || objective_.should_stop()) return;
    consider(widen(candidate.normals, candidate.weights), stream::kSecondJudge, "wider tails");
    // What follows costs more than all before it: not where importance weights will do.
    if (j.khat() <= kReliableKhat || objective_.should_stop()) return;
    if (one_mode && dim() <= kMaxFlowDim) flow(candidate, j);
    // A mixture fitted to weighted draws is never more than usable.
    if (j.khat() <= kReliableKhat || objective_.should_stop()) return;
    if (dim() <= kMaxMixtureDim) adapt(candidate, j, consider);
    if (j.khat() > kReliableKhat && worth_sampling(j)) sample(candidate, j);
  }

  /// Skew and tails for each whitened coordinate.
  void warp(Candidate& candidate, Judgement& j) {
    SinhArcsinhOptions o;
    o.gap_tolerance = gap_tolerance_;
    const SinhArcsinhResult r =
        fit_sinh_arcsinh(objective_, candidate.normals.front(), o, key(stream::kWarp));
    const auto q = std::make_shared<SinhArcsinhNormal>(r.q);
    Judgement next = judge(*q, stream::kWarp + 1);
    stage("sinh-arcsinh", next.elbo.value);
    note_bound(next.elbo);
    if (!is_better(next, j)) return;
    candidate.q = q;
    candidate.gap = std::max(0.0, r.gap - 2 * r.gap_error);
    candidate.converged = candidate.gap <= gap_tolerance_;
    j = std::move(next);
  }

  /// A real-NVP flow around the normal, then the same with wider tails.
  void flow(Candidate& candidate, Judgement& j) {
    const FullRankNormal& normal = candidate.normals.front();
    const Budget budget{static_cast<int64_t>(0.5 * objective_.evaluations_left()),
                        0.5 * objective_.seconds_left()};
    const FlowViResult r = escalate_flow(objective_, normal, budget, key(stream::kFlow), &pool_);
    stage("real-NVP flow", r.elbo);
    if (!r.q) return;
    const auto keep = [&](const FamilyPtr& q, uint32_t stream, const char* name) {
      Judgement next = judge(*q, stream);
      stage(name, next.elbo.value);
      note_bound(next.elbo);
      if (!is_better(next, j)) return;
      candidate.q = q;
      candidate.gap = std::numeric_limits<double>::quiet_NaN();
      candidate.converged = true;
      j = std::move(next);
    };
    keep(r.q, stream::kFlow + 2, "judge (flow)");
    if (j.khat() <= kGoodKhat || objective_.should_stop()) return;
    constexpr double kShare = 0.05;
    keep(std::make_shared<Defended>(r.q, widen({normal}, {1}), kShare), stream::kDefendedJudge,
         "judge (flow with wider tails)");
  }

  /// A normal in coordinates with a learned centring. From where it is kept on, all that follows is
  /// in these coordinates, until the draws are handed out.
  void recentre(Candidate& candidate, Judgement& j) {
    if (recentrable_ == nullptr || recentrable_->sites().empty()) return;
    if (dim() > kMaxDenseEscalationDim) return;
    CentringOptions o;
    o.seed = options_.seed;
    o.first_stream = stream::kCentring;
    o.gap_tolerance = gap_tolerance_;
    const CentringResult r =
        fit_recentred(objective_, coordinates_, *recentrable_, candidate.q, o,
                      [this](const std::string& name, double elbo) { stage(name, elbo); });
    if (!r.density) return;
    // Other modes must not get lost on the way.
    for (size_t k = 1; k < candidate.normals.size(); ++k) {
      if (!covers(r, candidate.normals[k].mean())) return;
    }
    auto scope = std::make_unique<CurrentCoordinates::Scope>(coordinates_, *r.density);
    Judgement next = judge(r.normal, stream::kCentringJudge);
    stage("judge (recentred)", next.elbo.value);
    note_bound(next.elbo);
    if (!is_better(next, j)) return;
    recentred_ = r.density;
    recentred_scope_ = std::move(scope);
    candidate.q = std::make_shared<FullRankNormal>(r.normal);
    candidate.normals = {r.normal};
    candidate.weights = {1};
    candidate.modes_covered = 1;
    candidate.gap = std::max(0.0, r.gap - 2 * r.gap_error);
    candidate.converged = candidate.gap <= gap_tolerance_;
    j = std::move(next);
  }

  /// Back to the density's own coordinates.
  void to_original(Candidate& candidate, Judgement& j) {
    if (!recentred_) return;
    candidate.q = std::make_shared<RecentredFamily>(recentred_, candidate.q);
    j = original_judgement(j, *recentred_);
    const std::vector<double> log_abs_det = original_points(*recentred_, sampled_.points);
    for (size_t s = 0; s < log_abs_det.size(); ++s) sampled_.log_density[s] -= log_abs_det[s];
    recentred_scope_.reset();
  }

  template <class Consider>
  void adapt(Candidate& candidate, const Judgement& j, const Consider& consider) {
    AdaptiveMixtureOptions o;
    const AdaptiveMixtureResult r = adapt_mixture(objective_, candidate.normals.front(), j, o,
                                                  options_.seed, stream::kEscalation);
    stage("adaptive mixture", std::numeric_limits<double>::quiet_NaN());
    if (!r.mixture) return;
    consider(r.mixture, stream::kThirdJudge, "judge (mixture)");
    candidate.adapted = candidate.q == r.mixture;
  }

  /// Whether sequential Monte Carlo can end within the budget: some fifty moves of ten steps each.
  bool worth_sampling(const Judgement& j) const {
    const SmcOptions o;
    const auto evaluations = static_cast<double>(50 * o.leapfrog_steps * o.islands * o.particles);
    const double each =
        objective_.elapsed_seconds() / static_cast<double>(objective_.evaluations());
    return !j.psis.weights.empty() && dim() <= kMaxSampledDim && !objective_.should_stop() &&
           objective_.evaluations_left() > evaluations &&
           objective_.seconds_left() > each * evaluations;
  }

  /// The last rung: particles that follow a path from q to the posterior. A mixture fitted to them
  /// may be an approximation that k-hat can vouch for; else the particles themselves are the draws.
  void sample(Candidate& candidate, Judgement& j) {
    const auto progress = [this](double beta, double log_evidence) {
      Progress p;
      p.stage = "sequential Monte Carlo";
      p.fraction = beta;
      p.elbo = log_evidence;
      p.elapsed_seconds = objective_.elapsed_seconds();
      context_.progress(p);
    };
    SmcOptions o;
    SmcResult r = smc(objective_, candidate.normals, candidate.weights, o, options_.seed,
                      stream::kSmc, progress);
    stage("sequential Monte Carlo", r.log_evidence.value);
    if (!r.completed) return;
    if (dim() <= kMaxMixtureDim && !objective_.should_stop()) {
      Judgement particles;
      particles.count = r.count;
      particles.points = r.points;
      particles.psis.weights.assign(static_cast<size_t>(r.count), 1 / static_cast<double>(r.count));
      particles.psis.khat = std::numeric_limits<double>::infinity();
      AdaptiveMixtureOptions mixture_options;
      const AdaptiveMixtureResult mixture =
          adapt_mixture(objective_, candidate.normals.front(), particles, mixture_options,
                        options_.seed, stream::kSmcMixture);
      stage("mixture of particles", std::numeric_limits<double>::quiet_NaN());
      if (mixture.mixture && mixture.khat < std::min(j.khat(), kReliableKhat)) {
        Judgement next = judge(*mixture.mixture, stream::kFourthJudge);
        stage("judge (mixture)", next.elbo.value);
        note_bound(next.elbo);
        if (next.khat() <= kReliableKhat) {
          candidate.q = mixture.mixture;
          candidate.adapted = true;
          j = std::move(next);
          return;
        }
      }
    }
    if (r.trustworthy()) sampled_ = std::move(r);
  }

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
    chains_ = short_chains(objective_, j.points, o, key(stream::kChains));
    stage("short chains", std::numeric_limits<double>::quiet_NaN());
  }

  void judge_and_hand_out(Candidate& candidate) {
    Judgement j = judge(*candidate.q, stream::kJudge);
    stage("judge", j.elbo.value);
    note_bound(j.elbo);
    const bool may_escalate = options_.escalate && options_.method == Method::kAuto;
    if (may_escalate && !candidate.normals.empty()) escalate(candidate, j);
    // In all dimensions of the full-rank families; beyond them it would cost more than the fit.
    if (dim() <= options_.max_full_rank_dim && options_.points.empty()) {
      tails_ = probe_tails(objective_, j.points);
      stage("tails", std::numeric_limits<double>::quiet_NaN());
    }
    if (may_escalate && !tails_.improper && sampled_.count == 0 &&
        !(j.khat() <= j.psis.threshold)) {
      certify(candidate, j);
    }
    to_original(candidate, j);
    result_.approximation = candidate.q;
    result_.family = candidate.q->describe();
    result_.khat = j.psis.khat;
    result_.khat_threshold = j.psis.threshold;
    result_.ess = j.psis.ess;
    result_.num_judged = j.count;
    result_.log_evidence = {j.psis.log_mean_ratio, j.psis.log_mean_ratio_error};
    num_nonfinite_draws_ = j.psis.num_nonfinite;
    if (sampled_.count > 0) return hand_out_particles();
    if (j.psis.weights.empty()) return;
    // Weights with k-hat up to 1 have a mean: reweighted draws are nearer to the posterior than q
    // is, even where they are not near enough to be called reliable.
    result_.resampled = options_.resample && !j.psis.constant && j.khat() < 1 && j.psis.ess > 50 &&
                        !chains_.certifies(kCertifiedError, kCertifiedError);
    std::vector<Index> chosen;
    if (result_.resampled) {
      numeric::RandomStream random(options_.seed, stream::kResample);
      chosen = diagnose::systematic_resample(j.psis.weights, options_.draws, random.uniform());
    } else {
      for (Index s = 0; s < std::min(options_.draws, j.count); ++s) chosen.push_back(s);
    }
    result_.num_draws = static_cast<Index>(chosen.size());
    result_.draws.reserve(chosen.size() * static_cast<size_t>(dim()));
    for (const Index s : chosen) {
      const auto i = static_cast<size_t>(s);
      const auto first = j.points.begin() + s * dim();
      result_.draws.insert(result_.draws.end(), first, first + dim());
      result_.log_density.push_back(j.log_density[i]);
      result_.log_q.push_back(j.log_q[i]);
    }
  }

  void hand_out_particles() {
    result_.sampled = true;
    result_.family = "sequential Monte Carlo from " + result_.family;
    result_.log_evidence = sampled_.log_evidence;
    num_nonfinite_draws_ = 0;
    // They stand in the order of their populations: a stride takes of all alike.
    result_.num_draws = std::min(options_.draws, sampled_.count);
    std::vector<double> log_q(static_cast<size_t>(result_.num_draws));
    Matrix points(dim(), result_.num_draws);
    for (Index s = 0; s < result_.num_draws; ++s) {
      const Index from = s * sampled_.count / result_.num_draws;
      const auto first = sampled_.points.begin() + from * dim();
      result_.draws.insert(result_.draws.end(), first, first + dim());
      result_.log_density.push_back(sampled_.log_density[static_cast<size_t>(from)]);
      for (Index d = 0; d < dim(); ++d) points(d, s) = first[d];
    }
    result_.approximation->log_q(lanes_of(points), log_q);
    result_.log_q = std::move(log_q);
  }

  void finish(const Candidate& candidate) {
    result_.gap = candidate.gap;
    result_.converged = candidate.q && candidate.converged;
    result_.cancelled = context_.cancelled();
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
    e.gap_tolerance = 5 * gap_tolerance_;
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
    e.populations_agree = sampled_.count > 0 && sampled_.trustworthy();
    e.population_rhat = sampled_.rhat;
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

  const FitOptions& options_;
  const Context& context_;
  numeric::ThreadPool pool_;
  const model::Recentrable* recentrable_;  // null: no sites to offer
  CurrentCoordinates coordinates_;
  std::shared_ptr<const model::Recentred> recentred_;  // the coordinates that were settled on ...
  std::unique_ptr<CurrentCoordinates::Scope> recentred_scope_;  // ... null: the density's own
  ParallelLogDensity parallel_;
  Objective objective_;
  double gap_tolerance_;
  Checkpoints checkpoints_;
  PathfinderResult starts_;
  FitResult result_;
  SmcResult sampled_;  // count > 0: these are the draws
  ShortChainsResult chains_;
  TailProbe tails_;
  Index num_nonfinite_draws_ = 0;
  int64_t staged_evaluations_ = 0;
  double staged_seconds_ = 0;
};

[[noreturn]] void reject(const std::string& message) { throw Error(Error::Kind::kUsage, message); }

}  // namespace

std::string_view to_string(Method method) {
  for (const MethodWord& m : kMethods) {
    if (m.method == method) return m.word;
  }
  return "auto";
}

std::string_view to_string(FamilyChoice family) {
  for (const FamilyWord& f : kFamilies) {
    if (f.family == family) return f.word;
  }
  return "auto";
}

Method parse_method(std::string_view word) {
  std::string known;
  for (const MethodWord& m : kMethods) {
    if (m.word == word) return m.method;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", m.word);
  }
  reject(fmt::format("method is `{}`; it must be one of {}", word, known));
}

FamilyChoice parse_family(std::string_view word) {
  std::string known;
  for (const FamilyWord& f : kFamilies) {
    if (f.word == word) return f.family;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", f.word);
  }
  reject(fmt::format("family is `{}`; it must be one of {}", word, known));
}

void FitOptions::validate(Index dim) const {
  const auto at_least = [](const char* field, double value, double least) {
    if (!(value >= least))
      reject(fmt::format("{} is {}; it must be at least {}", field, value, least));
  };
  const auto at_most = [](const char* field, double value, double most) {
    if (!(value <= most))
      reject(fmt::format("{} is {}; it must be at most {}", field, value, most));
  };
  at_least("threads", threads, 0);
  at_most("threads", threads, 1024);
  at_least("draws", static_cast<double>(draws), 1);
  at_most("draws", static_cast<double>(draws), 1e8);
  at_least("num_paths", static_cast<double>(num_paths), 1);
  at_most("num_paths", static_cast<double>(num_paths), 1000);
  at_least("init_radius", init_radius, 0);
  at_most("init_radius", init_radius, 1e6);
  at_least("budget_seconds", budget_seconds, 0);
  at_least("budget_evaluations", static_cast<double>(budget_evaluations), 1);
  at_least("gap_tolerance", gap_tolerance, 0);
  at_least("judge_draws", static_cast<double>(judge_draws), 0);
  at_most("judge_draws", static_cast<double>(judge_draws), 1e8);
  at_least("checkpoint_seconds", checkpoint_seconds, 0);
  at_least("max_full_rank_dim", static_cast<double>(max_full_rank_dim), 0);
  if (!factors.empty() || !points.empty()) {
    if ((method != Method::kAuto && method != Method::kMeanField) ||
        (family != FamilyChoice::kAuto && family != FamilyChoice::kMeanField)) {
      reject(fmt::format("method is {}, family {}; factors and points go with auto or mean-field",
                         to_string(method), to_string(family)));
    }
    validate_factors(factors, points, dim);
  }
  if (!init.empty() && static_cast<Index>(init.size()) != dim) {
    reject(fmt::format("init has {} numbers; the model has {} unconstrained parameters",
                       init.size(), dim));
  }
  if (start && start->dim() != dim) {
    reject(fmt::format("start has {} coordinates; the model has {} unconstrained parameters",
                       start->dim(), dim));
  }
  for (const double x : init) {
    if (!std::isfinite(x)) reject(fmt::format("init contains {}; it must be finite", x));
  }
}

FitResult fit(const LogDensity& density, const FitOptions& options, const Context& context) {
  options.validate(density.dim());
  return Fit(density, options, context).run();
}

}  // namespace vinci::infer
