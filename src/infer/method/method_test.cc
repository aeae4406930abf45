// Each method by itself, on targets whose best approximation is known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "infer/dense.h"
#include "infer/judgement.h"
#include "infer/method/advi.h"
#include "infer/method/batch_and_match.h"
#include "infer/method/gaussian_score_matching.h"
#include "infer/method/laplace.h"
#include "infer/method/mean_field_adam.h"
#include "infer/method/patched_batch_and_match.h"
#include "infer/method/pathfinder.h"
#include "infer/method/sqrt_natural_gradient.h"
#include "infer/testing/targets.h"

namespace vinci::infer {
namespace {

using testing::PointDensity;

/// A normal in `dim` dimensions, deviations spread over two magnitudes: condition number 1e4, log
/// evidence 0.
PointDensity stiff_normal(Index dim) {
  std::vector<double> mean, sd;
  for (Index i = 0; i < dim; ++i) {
    mean.push_back(1 + 0.1 * static_cast<double>(i));
    sd.push_back(std::pow(10, 2 * static_cast<double>(i) / static_cast<double>(dim - 1) - 1));
  }
  return testing::rotated_normal(mean, sd, 0.7);
}

double elbo(const LogDensity& density, const Family& q) {
  const Context context;
  Objective objective(density, context);
  return estimate_elbo(objective, q, 4000, {77, 77}).value;
}

TEST(Lbfgs, ReachesTheMaximumAndKeepsThePath) {
  const PointDensity target = stiff_normal(10);
  const Context context;
  Objective objective(target, context);
  const Matrix starts = 2 * Matrix::Random(10, 3);
  LbfgsOptions options;
  options.max_iterations = 2000;
  const std::vector<Path> paths = lbfgs_ascend(objective, lanes_of(starts), options);
  double highest = -5 * std::log(2 * std::numbers::pi);
  for (Index i = 0; i < 10; ++i) highest -= std::log(10) * (2 * static_cast<double>(i) / 9 - 1);
  for (size_t p = 0; p < paths.size(); ++p) {
    EXPECT_TRUE(paths[p].converged);
    EXPECT_NEAR(paths[p].values.back(), highest, 1e-8);
    EXPECT_EQ(paths[p].points.size(), static_cast<size_t>(10 * paths[p].size()));
    for (Index i = 0; i < 10; ++i) {
      EXPECT_EQ(paths[p].points[static_cast<size_t>(i)], starts(i, static_cast<Index>(p)));
    }
    EXPECT_TRUE(std::is_sorted(paths[p].values.begin(), paths[p].values.end()));
  }
}

TEST(Pathfinder, FindsANormalThatLogRegressionLikes) {
  const PointDensity target = testing::logistic_regression(8, 100);
  const Context context;
  Objective objective(target, context);
  const PathfinderResult r = pathfinder(objective, {}, {1, 1});
  ASSERT_GE(r.best, 0);
  EXPECT_EQ(r.num_failed, 0);
  const PathfinderPath& best = r.paths[static_cast<size_t>(r.best)];
  // The estimate of the ELBO, from 25 draws, is what fresh draws say to a nat; the bound is known
  // from below.
  EXPECT_NEAR(elbo(target, *best.approximation), best.elbo, 1);
  EXPECT_LT(r.paths[0].highest_value, 0);
}

TEST(Pathfinder, CountsStartsThatLeadNowhere) {
  const PointDensity nowhere = testing::nowhere_finite(3);
  const Context context;
  Objective objective(nowhere, context);
  const PathfinderResult r = pathfinder(objective, {}, {1, 1});
  EXPECT_EQ(r.best, -1);
  EXPECT_EQ(r.num_failed, 8);
  EXPECT_EQ(objective.nonfinite(), objective.evaluations());
}

TEST(BatchAndMatch, IsExactOnNormalsInBothForms) {
  for (const Index batch : {8, 64}) {  // fewer and more draws than dimensions
    const PointDensity target = stiff_normal(20);
    const Context context;
    Objective objective(target, context);
    BatchAndMatchOptions options;
    options.batch = batch;
    options.iterations = 60;
    const BatchAndMatchResult r = batch_and_match(objective, FullRankNormal(20), options, {1, 2});
    EXPECT_NEAR(elbo(target, r.normal), 0, 1e-3) << batch;
    EXPECT_EQ(r.rejected, 0) << batch;
  }
}

TEST(GaussianScoreMatching, IsExactOnNormals) {
  const PointDensity target = stiff_normal(8);
  const Context context;
  Objective objective(target, context);
  const GaussianScoreMatchingResult r =
      gaussian_score_matching(objective, FullRankNormal(8), {}, {1, 2});
  EXPECT_EQ(r.rejected, 0);
  EXPECT_NEAR(elbo(target, r.normal), 0, 1e-6);
}

// Covariance I + 9 v v' in forty dimensions: within the family of rank one.
TEST(PatchedBatchAndMatch, FindsALowRankCovariance) {
  constexpr Index kDim = 40;
  const PointDensity target(kDim, [](const std::vector<double>& x, std::vector<double>& g) {
    // Sigma^-1 = I - 0.9 v v' with |v| = 1.
    double along = 0;
    const double v = 1 / std::sqrt(static_cast<double>(kDim));
    for (const double xi : x) along += v * (xi - 2);
    double value =
        -0.5 * static_cast<double>(kDim) * std::log(2 * std::numbers::pi) - 0.5 * std::log(10.0);
    for (size_t i = 0; i < x.size(); ++i) {
      g[i] = -(x[i] - 2) + 0.9 * v * along;
      value += 0.5 * (x[i] - 2) * g[i];
    }
    return value;
  });
  const Context context;
  Objective objective(target, context);
  PatchedBatchAndMatchOptions o;
  o.rank = 3;
  const std::vector<double> mean(kDim, 0.0), sd(kDim, 1.0);
  const PatchedBatchAndMatchResult r = patched_batch_and_match(objective, mean, sd, o, {1, 2});
  ASSERT_TRUE(r.normal);
  // The noise of the last steps remains; mean field is 1.15 nats below.
  EXPECT_GT(elbo(target, *r.normal), -0.2);
}

TEST(NaturalGradient, ClosesTheGapAndSaysSo) {
  const PointDensity target = testing::logistic_regression(8, 100);
  const Context context;
  Objective objective(target, context);
  const FullRankNormal start(std::vector<double>(8, 0.2), [] {
    std::vector<double> f(64, 0.0);
    for (size_t i = 0; i < 8; ++i) f[i * 9] = 0.5;
    return f;
  }());
  NaturalGradientOptions options;
  const NaturalGradientResult r = sqrt_natural_gradient(objective, start, options, {1, 3});
  EXPECT_TRUE(r.converged);
  const GapEstimate left = estimate_gap(objective, r.normal, 8192, {9, 9});
  EXPECT_LT(left.gap, 0.01 + 3 * left.error);
  // From elsewhere it comes to the same bound.
  const NaturalGradientResult other =
      sqrt_natural_gradient(objective, FullRankNormal(8), options, {2, 3});
  EXPECT_NEAR(elbo(target, r.normal), elbo(target, other.normal), 0.02);
}

TEST(NaturalGradient, GapEstimateIsThatOfNormals) {
  // q = N(d e1, I), p = N(0, I): the ELBO lies d^2 / 2 below its optimum, and the quadratic model
  // is exact in d.
  const PointDensity target = testing::rotated_normal({0, 0, 0}, {1, 1, 1}, 0);
  const Context context;
  Objective objective(target, context);
  const FullRankNormal q({0.3, 0, 0}, {1, 0, 0, 0, 1, 0, 0, 0, 1});
  const GapEstimate gap = estimate_gap(objective, q, 4096, {5, 5});
  EXPECT_NEAR(gap.gap, 0.045, 1e-12);
}

TEST(MeanFieldAdam, FindsTheConditionalDeviations) {
  // The best factorised normal has the target's mean and the deviations of its full conditionals.
  const PointDensity target = testing::rotated_normal({1, 2}, {1, 3}, 0.6);
  const Context context;
  Objective objective(target, context);
  const MeanFieldAdamResult r = mean_field_adam(objective, {{0, 0}, {1, 1}}, {}, {1, 4});
  EXPECT_TRUE(r.converged);
  const double c2 = std::cos(0.6) * std::cos(0.6), s2 = 1 - c2;
  EXPECT_NEAR(r.normal.sd()[0], 1 / std::sqrt(c2 + s2 / 9), 0.03);
  EXPECT_NEAR(r.normal.sd()[1], 1 / std::sqrt(s2 + c2 / 9), 0.06);
  EXPECT_NEAR(r.normal.mean()[0], 1, 0.05);
  EXPECT_NEAR(r.normal.mean()[1], 2, 0.1);
}

TEST(Advi, ComesNearOnAnEasyTarget) {
  const PointDensity target = testing::rotated_normal({1, -1}, {1, 0.5}, 0.3);
  for (const bool full_rank : {false, true}) {
    const Context context;
    Objective objective(target, context);
    AdviOptions options;
    options.full_rank = full_rank;
    const AdviResult r = advi(objective, options, {1, 5});
    ASSERT_TRUE(r.approximation) << full_rank;
    EXPECT_GT(elbo(target, *r.approximation), -1) << full_rank;
  }
  const PointDensity nowhere = testing::nowhere_finite(2);
  const Context context;
  Objective objective(nowhere, context);
  EXPECT_FALSE(advi(objective, {}, {1, 5}).approximation);
}

TEST(Laplace, IsExactOnNormals) {
  const PointDensity target = testing::rotated_normal({1, 2, 3}, {1, 0.1, 3}, 0.5);
  const Context context;
  Objective objective(target, context);
  const auto q = laplace(objective, {1, 2, 3});
  ASSERT_TRUE(q.has_value());
  EXPECT_NEAR(elbo(target, *q), 0, 1e-6);
  // A saddle has no normal.
  const PointDensity saddle(2, [](const std::vector<double>& x, std::vector<double>& g) {
    g = {-x[0], x[1]};
    return 0.5 * (x[1] * x[1] - x[0] * x[0]);
  });
  Objective other(saddle, context);
  EXPECT_FALSE(laplace(other, {0, 0}).has_value());
}

}  // namespace
}  // namespace vinci::infer
