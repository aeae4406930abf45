#include "infer/estimator_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <utility>

#include "infer/dense.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

constexpr uint32_t kReferenceStream = 0x501;
constexpr uint32_t kStudyStream = 0x502;
constexpr Index kReferenceBatch = 200;
constexpr Index kBlocks = 10;

/// Mean and variance of vectors, as they come.
struct Moments {
  Vector mean, squares;
  Index count = 0;
  explicit Moments(Index size) : mean(Vector::Zero(size)), squares(Vector::Zero(size)) {}
  void add(const Vector& g) {
    ++count;
    const Vector d = g - mean;
    mean += d / static_cast<double>(count);
    squares.array() += d.array() * (g - mean).array();
  }
  Vector variance() const { return squares / static_cast<double>(std::max<Index>(count - 1, 1)); }
  /// Trace of the covariance of the mean.
  double mean_trace() const { return variance().sum() / static_cast<double>(count); }
};

class Study {
 public:
  Study(const LogDensity& density, const ParametricFamily& family, std::span<const double> lambda,
        const EstimatorStudyOptions& options, const Context& context, Index first_param = 0)
      : density_(density),
        family_(family),
        lambda_(lambda),
        options_(options),
        context_(context),
        first_param_(first_param),
        num_params_(family.num_params() - first_param),
        elbo_reference_(num_params_),
        bound_reference_(num_params_) {}

  /// References with kReferenceBatch draws; that of the bound may be null.
  EstimatorStudy run(const std::vector<EstimatorPtr>& estimators, GradientEstimator& of_elbo,
                     GradientEstimator* of_bound) {
    EstimatorStudy study;
    study.family = family_.describe();
    study.dim = family_.dim();
    study.num_params = num_params_;
    study.options = options_;
    add_reference(of_elbo, elbo_reference_);
    if (of_bound != nullptr) add_reference(*of_bound, bound_reference_);
    study.gradient_norm = elbo_reference_.mean.norm();
    study.gradient_error = std::sqrt(elbo_reference_.mean_trace());
    for (const EstimatorPtr& estimator : estimators) study.rows.push_back(measure(*estimator));
    study.cancelled = context_.cancelled();
    return study;
  }

 private:
  void add_reference(GradientEstimator& estimator, Moments& moments) {
    Objective objective(density_, context_);
    Vector g(family_.num_params());
    const Index batches = std::max<Index>(2, options_.reference_draws / kReferenceBatch);
    for (Index b = 0; b < batches && !objective.should_stop(); ++b) {
      estimator.estimate(objective, family_, lambda_, {options_.seed, kReferenceStream},
                         static_cast<uint32_t>(b), span_of(g));
      moments.add(g.tail(num_params_));
    }
  }

  EstimatorRow measure(GradientEstimator& estimator) {
    EstimatorRow row;
    row.name = estimator.name();
    row.objective =
        estimator.bound_draws() == 1 ? "ELBO" : fmt::format("L_{}", estimator.bound_draws());
    row.obstacle = estimator.obstacle(family_);
    if (!row.obstacle.empty()) return row;
    Objective objective(density_, context_);
    Vector g(family_.num_params());
    // The first estimate may set up what the estimator learns; it does not count.
    estimator.estimate(objective, family_, lambda_, {options_.seed, kStudyStream}, 0xFFFFu,
                       span_of(g));
    const int64_t before = objective.evaluations();
    Moments moments(num_params_);
    double best = std::numeric_limits<double>::infinity();
    const Index per_block = std::max<Index>(1, options_.estimates / kBlocks);
    for (Index b = 0; b < kBlocks && !objective.should_stop(); ++b) {
      const auto start = std::chrono::steady_clock::now();
      for (Index i = 0; i < per_block; ++i) {
        estimator.estimate(objective, family_, lambda_, {options_.seed, kStudyStream},
                           static_cast<uint32_t>(b * per_block + i), span_of(g));
        moments.add(g.tail(num_params_));
      }
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      best = std::min(best, took.count() / static_cast<double>(per_block));
    }
    if (moments.count < 2) {
      row.obstacle = "cancelled";
      return row;
    }
    const Moments& reference = estimator.bound_draws() == 1 ? elbo_reference_ : bound_reference_;
    const Vector variance = moments.variance();
    Index largest = 0;
    row.largest_variance = variance.maxCoeff(&largest);
    row.largest_of = family_.param_name(first_param_ + largest);
    row.variance = variance.sum();
    row.bias = (moments.mean - reference.mean).norm();
    row.bias_noise = std::sqrt(moments.mean_trace() + reference.mean_trace());
    row.evaluations =
        static_cast<double>(objective.evaluations() - before) / static_cast<double>(moments.count);
    row.seconds = best;
    return row;
  }

  const LogDensity& density_;
  const ParametricFamily& family_;
  std::span<const double> lambda_;
  const EstimatorStudyOptions& options_;
  const Context& context_;
  Index first_param_, num_params_;  // those that are looked at: the last ones
  Moments elbo_reference_, bound_reference_;
};

std::vector<EstimatorPtr> continuous_estimators(const BlanketFunction& blanket,
                                                const EstimatorStudyOptions& options) {
  const EstimatorOptions plain{.draws = options.draws};
  EstimatorOptions antithetic = plain, sobol = plain;
  antithetic.noise = NoiseKind::kAntithetic;
  sobol.noise = NoiseKind::kSobol;
  std::vector<EstimatorPtr> e;
  for (const EstimatorOptions& o : {plain, antithetic, sobol}) {
    e.push_back(pathwise_estimator(o));
    e.push_back(entropy_pathwise_estimator(o));
    e.push_back(sticking_the_landing_estimator(o));
  }
  e.push_back(hessian_control_variate_estimator(plain, false));
  e.push_back(hessian_control_variate_estimator(plain, true));
  e.push_back(score_estimator(plain));
  e.push_back(score_estimator(sobol));
  e.push_back(score_control_variate_estimator(plain));
  e.push_back(leave_one_out_estimator(plain));
  if (blanket) {
    e.push_back(rao_blackwell_estimator(plain, blanket, false));
    e.push_back(rao_blackwell_estimator(plain, blanket, true));
  }
  e.push_back(lax_estimator(plain));
  e.push_back(importance_weighted_estimator(plain, options.bound_draws));
  e.push_back(doubly_reparameterised_estimator(plain, options.bound_draws));
  return e;
}

std::vector<EstimatorPtr> discrete_estimators(const DiscreteBlankets& blankets,
                                              const LogDensity* relaxed,
                                              const EstimatorStudyOptions& options) {
  const EstimatorOptions plain{.draws = options.draws};
  std::vector<EstimatorPtr> e;
  for (const ScoreControl control :
       {ScoreControl::kNone, ScoreControl::kScore, ScoreControl::kLeaveOneOut}) {
    e.push_back(discrete_score_estimator(plain, control));
    e.push_back(discrete_rao_blackwell_estimator(plain, blankets, control));
  }
  e.push_back(local_expectation_estimator(plain, blankets));
  e.push_back(disarm_estimator(plain));
  e.push_back(disarm_estimator(plain, blankets));
  e.push_back(relax_estimator(plain));
  e.push_back(vimco_estimator(plain, options.bound_draws));
  if (relaxed != nullptr) {
    for (const double t : {1.0, 0.5, 0.1}) e.push_back(concrete_estimator(plain, *relaxed, t));
  }
  return e;
}

void check_params(const ParametricFamily& family, std::span<const double> lambda) {
  if (static_cast<Index>(lambda.size()) == family.num_params() &&
      std::all_of(lambda.begin(), lambda.end(), [](double v) { return std::isfinite(v); })) {
    return;
  }
  throw Error(Error::Kind::kUsage,
              fmt::format("a {} takes {} finite numbers; got {}.", family.describe(),
                          family.num_params(), lambda.size()));
}

}  // namespace

void EstimatorStudyOptions::validate() const {
  const auto require = [](bool holds, const std::string& message) {
    if (!holds) throw Error(Error::Kind::kUsage, message);
  };
  require(draws >= 1 && draws <= 100'000,
          fmt::format("draws is {}; it must be from 1 to 100000.", draws));
  require(estimates >= 20 && estimates <= 10'000'000,
          fmt::format("estimates is {}; it must be from 20 to 10000000.", estimates));
  require(reference_draws >= 2 * kReferenceBatch,
          fmt::format("reference_draws is {}; it must be at least {}.", reference_draws,
                      2 * kReferenceBatch));
  require(bound_draws >= 2 && bound_draws <= kReferenceBatch,
          fmt::format("bound_draws is {}; it must be from 2 to {}.", bound_draws, kReferenceBatch));
}

EstimatorStudy study_estimators(const LogDensity& density, const ParametricFamily& family,
                                std::span<const double> lambda, BlanketFunction blanket,
                                const EstimatorStudyOptions& options, const Context& context) {
  options.validate();
  check_params(family, lambda);
  const EstimatorOptions reference{.draws = kReferenceBatch};
  const bool pathwise = family.reparameterised();
  const EstimatorPtr of_elbo =
      pathwise ? sticking_the_landing_estimator(reference) : leave_one_out_estimator(reference);
  const EstimatorPtr of_bound =
      pathwise ? doubly_reparameterised_estimator(reference, options.bound_draws) : nullptr;
  return Study(density, family, lambda, options, context)
      .run(continuous_estimators(blanket, options), *of_elbo, of_bound.get());
}

EstimatorStudy study_discrete_estimators(const LogDensity& density, const MixedFamily& family,
                                         std::span<const double> lambda,
                                         const DiscreteBlankets& blankets,
                                         const LogDensity* relaxed,
                                         const EstimatorStudyOptions& options,
                                         const Context& context) {
  options.validate();
  check_params(family, lambda);
  const EstimatorOptions reference{.draws = kReferenceBatch};
  const EstimatorPtr of_elbo = local_expectation_estimator(reference, blankets);
  const EstimatorPtr of_bound = vimco_estimator(reference, options.bound_draws);
  return Study(density, family, lambda, options, context, family.first_logit_param())
      .run(discrete_estimators(blankets, relaxed, options), *of_elbo, of_bound.get());
}

}  // namespace vinci::infer
