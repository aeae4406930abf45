#include "infer/method/fit_semi_implicit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "infer/dense.h"
#include "infer/fit.h"
#include "infer/testing/targets.h"

namespace vinci::infer {
namespace {

using testing::PointDensity;

PathfinderPath path(std::vector<double> mean, std::vector<double> variance, double elbo) {
  PathfinderPath p;
  p.approximation = std::make_shared<LowRankNormal>(std::move(mean), std::move(variance),
                                                    std::vector<double>{}, std::vector<double>{});
  p.elbo = elbo;
  return p;
}

TEST(FrameOf, HasTheMomentsOfThePathsThatCount) {
  PathfinderResult starts;
  starts.paths = {path({100, 100}, {1, 1}, -50), path({-3, 1}, {1, 4}, 0), path({3, 1}, {1, 4}, 0),
                  PathfinderPath{}};
  starts.best = 1;
  for (const Index max_dense : {Index{200}, Index{0}}) {
    const AffineMap frame = frame_of(starts, max_dense);
    Matrix y = Matrix::Zero(2, 3), z(2, 3);
    y(0, 1) = 1;
    y(1, 2) = 1;
    frame.forward(lanes_of(y), mutable_lanes(z));
    EXPECT_NEAR(z(0, 0), 0, 1e-12);
    EXPECT_NEAR(z(1, 0), 1, 1e-12);
    EXPECT_NEAR(z(0, 1), std::sqrt(1 + 9), 1e-12);  // within and between the paths
    EXPECT_NEAR(z(1, 2), 1 + 2, 1e-12);
  }
}

FitOptions semi_implicit_options(int threads) {
  FitOptions o;
  o.threads = threads;
  o.method = Method::kSemiImplicit;
  o.draws = 500;
  o.judge_draws = 1000;
  o.budget_evaluations = 12'000;
  o.budget_seconds = 1e6;
  return o;
}

TEST(FitSemiImplicit, SameBitsWithOneAndTwoThreads) {
  const PointDensity target = testing::banana(1);
  for (const Method m : {Method::kSemiImplicit, Method::kKernelSemiImplicit}) {
    FitOptions one = semi_implicit_options(1), two = semi_implicit_options(2);
    one.method = two.method = m;
    const FitResult a = fit(target, one), b = fit(target, two);
    EXPECT_EQ(a.draws, b.draws);
    EXPECT_EQ(a.log_q, b.log_q);
    EXPECT_TRUE(a.budget_spent);
    ASSERT_NE(a.approximation, nullptr);
    EXPECT_EQ(a.family, "semi-implicit mixture of 10000 normals");
    EXPECT_LT(a.elbo.value, 5 * a.elbo.error);
  }
}

TEST(FitSemiImplicit, BananaIsBetterThanByANormal) {
  const PointDensity target = testing::banana(1);
  FitOptions o = semi_implicit_options(1);
  o.budget_evaluations = 60'000;
  const FitResult q = fit(target, o);
  o.method = Method::kNaturalGradient;
  o.resample = false;
  const FitResult normal = fit(target, o);
  EXPECT_GT(q.elbo.value, normal.elbo.value + 0.2);
}

TEST(FitSemiImplicit, NowhereFiniteIsABadVerdict) {
  for (const Method m : {Method::kSemiImplicit, Method::kKernelSemiImplicit}) {
    FitOptions o = semi_implicit_options(1);
    o.method = m;
    const FitResult r = fit(testing::nowhere_finite(3), o);
    EXPECT_EQ(r.num_draws, 0);
    EXPECT_EQ(r.verdict.grade, diagnose::Grade::kBad);
  }
}

TEST(FitSemiImplicit, WordsOfTheCommandLine) {
  EXPECT_EQ(parse_method("semi-implicit"), Method::kSemiImplicit);
  EXPECT_EQ(parse_method("kernel-semi-implicit"), Method::kKernelSemiImplicit);
  EXPECT_EQ(to_string(Method::kKernelSemiImplicit), "kernel-semi-implicit");
}

}  // namespace
}  // namespace vinci::infer
