#include "infer/method/stochastic_vi.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "infer/family/full_rank_normal_family.h"
#include "infer/family/mean_field_normal_family.h"
#include "infer/judgement.h"
#include "infer/testing/targets.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

const Context kContext;

// The target is a normal, so the best ELBO of full-rank normals is 0, and sticking the landing gets
// there without noise.
TEST(StochasticVi, FindsANormalTarget) {
  const auto target = testing::rotated_normal({1, -2, 0.5}, {0.5, 2, 1}, 0.7);
  const FullRankNormalFamily family(3);
  Objective objective(target, kContext);
  StochasticViOptions options;
  options.start = FullRankNormalFamily::params_of(FullRankNormal(3));
  const EstimatorPtr estimator = sticking_the_landing_estimator({});
  const OptimizerPtr optimizer = adam(0.05);
  const StochasticViResult r =
      stochastic_vi(objective, family, *estimator, *optimizer, options, {1, 9});
  EXPECT_TRUE(r.converged);
  EXPECT_EQ(r.skipped, 0);
  EXPECT_NEAR(estimate_elbo(objective, *family.at(r.lambda), 1000, {2, 2}).value, 0, 2e-3);
  EXPECT_LT(r.iterations, 5000);
}

/// The best mean-field ELBO of a normal target: log sd_i = -1/2 log precision_ii.
TEST(StochasticVi, EveryPairOfEstimatorAndOptimizerClimbs) {
  const auto target = testing::rotated_normal({1, -2}, {0.8, 1.2}, 0.7);
  const MeanFieldNormalFamily family(2);
  const double c = std::cos(0.7), s = std::sin(0.7), a = 1 / 0.64, b = 1 / 1.44;
  const double p00 = c * c * a + s * s * b, p11 = s * s * a + c * c * b;
  const double best = 0.5 * (std::log(a * b) - std::log(p00 * p11));
  std::vector<EstimatorPtr> estimators;
  estimators.push_back(pathwise_estimator({}));
  estimators.push_back(entropy_pathwise_estimator({}));
  estimators.push_back(score_control_variate_estimator({}));
  estimators.push_back(leave_one_out_estimator({}));
  for (const EstimatorPtr& estimator : estimators) {
    std::vector<OptimizerPtr> optimizers;
    optimizers.push_back(sgd(0.1));
    optimizers.push_back(momentum(0.01));
    optimizers.push_back(adagrad(0.2));
    optimizers.push_back(rmsprop(0.05));
    optimizers.push_back(adam(0.05));
    optimizers.push_back(natural_mean_field(0.1));
    optimizers.push_back(dowg(1e-2));
    for (const OptimizerPtr& optimizer : optimizers) {
      Objective objective(target, kContext);
      StochasticViOptions options;
      options.start = {0, 0, 0, 0};
      options.max_iterations = 3000;
      const StochasticViResult r =
          stochastic_vi(objective, family, *estimator, *optimizer, options, {1, 9});
      const double elbo = estimate_elbo(objective, *family.at(r.lambda), 4000, {2, 2}).value;
      // The estimate's own error is below 0.01.
      EXPECT_NEAR(elbo, best, 0.08) << estimator->name() << ", " << optimizer->name();
    }
  }
}

TEST(StochasticVi, SameKeySameBitsAndStopsWhenTold) {
  const auto target = testing::banana(0.5);
  const MeanFieldNormalFamily family(2);
  StochasticViOptions options;
  options.start = {0, 0, 0, 0};
  options.max_iterations = 200;
  std::vector<std::vector<double>> results;
  for (int i = 0; i < 2; ++i) {
    Objective objective(target, kContext);
    const auto estimator = sticking_the_landing_estimator({});
    results.push_back(
        stochastic_vi(objective, family, *estimator, *adam(0.1), options, {1, 9}).lambda);
  }
  EXPECT_EQ(results[0], results[1]);
  Objective objective(target, kContext, {.evaluations = 160});
  const auto estimator = sticking_the_landing_estimator({});
  const auto r = stochastic_vi(objective, family, *estimator, *adam(0.1), options, {1, 9});
  EXPECT_EQ(r.iterations, 10);
  EXPECT_FALSE(r.converged);
}

TEST(StochasticVi, StepSearchTakesTheRateThatClimbsMost) {
  const auto target = testing::logistic_regression(4, 40);
  const MeanFieldNormalFamily family(4);
  Objective objective(target, kContext);
  StochasticViOptions options;
  options.start.assign(8, 0.0);
  const auto estimator = sticking_the_landing_estimator({});
  const std::vector<double> rates = {1e-5, 0.1, 1e6};
  const StepSearchResult r =
      search_step_size(objective, family, *estimator, [](double rate) { return adam(rate); }, rates,
                       100, options, {4, 4});
  EXPECT_EQ(r.rate, 0.1);
  ASSERT_EQ(r.objectives.size(), 3u);
  EXPECT_GT(r.objectives[1], r.objectives[0]);
}

TEST(StochasticVi, BadOptionsAreNamed) {
  const auto target = testing::banana(0.5);
  const MeanFieldNormalFamily family(2);
  Objective objective(target, kContext);
  const auto estimator = sticking_the_landing_estimator({});
  StochasticViOptions options;
  options.start = {0, 0};
  EXPECT_THROW(stochastic_vi(objective, family, *estimator, *adam(0.1), options, {}), Error);
  options.start = {0, 0, 0, std::nan("")};
  EXPECT_THROW(stochastic_vi(objective, family, *estimator, *adam(0.1), options, {}), Error);
  const auto score = score_control_variate_estimator({.draws = 2});
  options.start = {0, 0, 0, 0};
  EXPECT_THROW(stochastic_vi(objective, family, *score, *adam(0.1), options, {}), Error);
}

TEST(StochasticVi, NowhereFiniteDensityStaysPut) {
  const auto target = testing::nowhere_finite(2);
  const MeanFieldNormalFamily family(2);
  Objective objective(target, kContext);
  StochasticViOptions options;
  options.start = {0, 0, 0, 0};
  options.max_iterations = 100;
  const auto estimator = score_estimator({});
  const auto r = stochastic_vi(objective, family, *estimator, *sgd(0.1), options, {});
  EXPECT_EQ(r.lambda, options.start);
}

}  // namespace
}  // namespace vinci::infer
