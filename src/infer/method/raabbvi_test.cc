#include "infer/method/raabbvi.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "infer/family/full_rank_normal_family.h"
#include "infer/family/mean_field_normal_family.h"
#include "infer/testing/targets.h"
#include "infer/variational_objectives.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

const Context kContext;

/// The best mean-field normal of rotated_normal({1, -2}, {0.8, 1.2}, 0.7): its mean, and precisions
/// that are the diagonal of the target's.
MeanFieldNormal best_mean_field() {
  const double c = std::cos(0.7), s = std::sin(0.7), a = 1 / 0.64, b = 1 / 1.44;
  return {{1, -2}, {1 / std::sqrt(c * c * a + s * s * b), 1 / std::sqrt(s * s * a + c * c * b)}};
}

TEST(Faso, StopsWhenItsAverageIsExact) {
  const auto target = testing::rotated_normal({1, -2}, {0.8, 1.2}, 0.7);
  const MeanFieldNormalFamily family(2);
  Objective objective(target, kContext);
  FasoOptions options;
  options.start = {-3, 3, 1, 1};
  options.mcse = 0.02;
  const auto estimator = entropy_pathwise_estimator({});
  const FasoResult r =
      fixed_rate_vi(objective, family, *estimator, *rmsprop(0.03), options, {1, 2});
  EXPECT_TRUE(r.arrived);
  EXPECT_TRUE(r.accurate);
  EXPECT_LE(r.rhat, 1.1);
  EXPECT_LT(r.mcse, 0.02);
  EXPECT_LT(r.iterations, 20000);
  const auto q = dynamic_cast<const MeanFieldNormal&>(*family.at(r.lambda));
  const MeanFieldNormal best = best_mean_field();
  EXPECT_LT(kl_divergence(q, best), 0.02);
  // A single iterate wanders farther off than the average, over the last of several runs.
  EXPECT_GT(r.averaged, 200);
}

TEST(Faso, SaysThatItHasNotArrived) {
  const auto target = testing::rotated_normal({100, -200}, {0.8, 1.2}, 0.7);
  const MeanFieldNormalFamily family(2);
  Objective objective(target, kContext);
  FasoOptions options;
  options.start = {0, 0, 0, 0};
  options.max_iterations = 1000;
  const auto estimator = entropy_pathwise_estimator({});
  const FasoResult r =
      fixed_rate_vi(objective, family, *estimator, *rmsprop(0.01), options, {1, 2});
  EXPECT_FALSE(r.arrived);
  EXPECT_FALSE(r.accurate);
  options.window = 3;
  EXPECT_THROW(fixed_rate_vi(objective, family, *estimator, *rmsprop(0.01), options, {1, 2}),
               Error);
}

TEST(Raabbvi, ReachesTheBestOfItsFamily) {
  const auto target = testing::rotated_normal({1, -2}, {0.8, 1.2}, 0.7);
  const MeanFieldNormalFamily family(2);
  Objective objective(target, kContext);
  RaabbviOptions options;
  options.stage.start = {-3, 3, 1, 1};
  const auto estimator = entropy_pathwise_estimator({});
  const OptimizerPtr optimizer = rmsprop(0.3);
  const RaabbviResult r = raabbvi(objective, family, *estimator, *optimizer, options, {1, 2});
  EXPECT_TRUE(r.converged);
  ASSERT_GE(r.stages.size(), 3u);
  EXPECT_EQ(r.stages[1].rate, 0.15);
  EXPECT_LT(r.stages.back().divergence, r.stages[1].divergence);
  const auto q = dynamic_cast<const MeanFieldNormal&>(*family.at(r.lambda));
  const MeanFieldNormal best = best_mean_field();
  // The tolerance is 0.1 in the root of the symmetric divergence.
  EXPECT_LT(std::sqrt(kl_divergence(q, best) + kl_divergence(best, q)), 0.1);
}

TEST(SymmetricDivergence, ClosedFormAgreesWithDraws) {
  const MeanFieldNormal a({0, 1}, {1, 2}), b({0.5, 1}, {1.2, 1.5});
  const double exact = kl_divergence(a, b) + kl_divergence(b, a);
  EXPECT_EQ(symmetric_divergence(a, b, 10, {}), exact);
  // Of different types: by draws. Full rank with the same distribution as b.
  const FullRankNormal same({0.5, 1}, {1.2, 0, 0, 1.5});
  EXPECT_NEAR(symmetric_divergence(a, same, 100'000, {1, 2}), exact, 0.02);
  EXPECT_NEAR(symmetric_divergence(same, same, 10, {}), 0, 1e-14);
}

}  // namespace
}  // namespace vinci::infer
