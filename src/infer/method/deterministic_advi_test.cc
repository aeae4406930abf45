#include "infer/method/deterministic_advi.h"

#include <gtest/gtest.h>

#include <cmath>

#include "infer/dense.h"
#include "infer/testing/targets.h"

namespace vinci::infer {
namespace {

MeanFieldNormal unit(Index dim) {
  return {std::vector<double>(static_cast<size_t>(dim), 0.0),
          std::vector<double>(static_cast<size_t>(dim), 1.0)};
}

// On a normal target the mean field is too narrow, and linear response is exact: the sample average
// of a quadratic has the target's own curvature in m, at any noise.
TEST(DeterministicAdvi, LinearResponseIsExactOnNormals) {
  const testing::PointDensity target = testing::rotated_normal({1, -2, 3}, {0.3, 1, 4}, 0.7);
  const Context context;
  Objective objective(target, context);
  const DeterministicAdviResult r = deterministic_advi(objective, unit(3), {}, {1, 2});
  ASSERT_TRUE(r.converged);
  ASSERT_TRUE(r.linear_response);
  double trace = 0;
  for (Index d = 0; d < 3; ++d) {
    const double lr = r.linear_response->marginal_sd(d);
    EXPECT_LT(r.mean_field.sd()[static_cast<size_t>(d)], lr);
    trace += lr * lr;
  }
  EXPECT_NEAR(trace / (0.09 + 1 + 16), 1, 1e-4);
  // -E[H] is known exactly; the optimum of s at fixed noise is s^2 mean(z^2) = 1 / precision.
  EXPECT_EQ(r.draws, 20);
}

TEST(DeterministicAdvi, TakesMoreDrawsWhereTheirErrorIsLarge) {
  const testing::PointDensity target = testing::logistic_regression(6, 40);
  const Context context;
  Objective objective(target, context);
  DeterministicAdviOptions o;
  o.error_goal = 0.003;
  const DeterministicAdviResult r = deterministic_advi(objective, unit(6), o, {1, 2});
  EXPECT_TRUE(r.converged);
  EXPECT_TRUE(r.draws == o.max_draws || r.worst_error <= 0.003);
  EXPECT_GT(r.draws, 20);
}

TEST(DeterministicAdvi, SameAnswerEachTime) {
  const testing::PointDensity target = testing::logistic_regression(4, 30);
  const Context context;
  Objective a(target, context), b(target, context);
  const auto first = deterministic_advi(a, unit(4), {}, {3, 2});
  const auto second = deterministic_advi(b, unit(4), {}, {3, 2});
  EXPECT_EQ(first.mean_field.mean(), second.mean_field.mean());
  EXPECT_EQ(first.elbo, second.elbo);
}

TEST(DeterministicAdvi, NowhereFiniteIsNotConverged) {
  const Context context;
  const testing::PointDensity target = testing::nowhere_finite(3);
  Objective objective(target, context);
  const DeterministicAdviResult r = deterministic_advi(objective, unit(3), {}, {1, 2});
  EXPECT_FALSE(r.converged);
  EXPECT_FALSE(r.linear_response);
}

}  // namespace
}  // namespace vinci::infer
