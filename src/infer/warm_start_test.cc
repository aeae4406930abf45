// Checkpoints of a fit and starts from an earlier one.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "infer/family/full_rank_normal.h"
#include "infer/family/mean_field_normal.h"
#include "infer/fit.h"
#include "infer/testing/targets.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

FitOptions one_thread() {
  FitOptions o;
  o.threads = 1;
  return o;
}

bool has_stage(const FitResult& r, const std::string& part) {
  for (const Stage& s : r.stages) {
    if (s.name.find(part) != std::string::npos) return true;
  }
  return false;
}

TEST(WarmStart, StartOfAnEarlierFitSavesEvaluations) {
  const testing::PointDensity target = testing::logistic_regression(12, 300);
  const FitResult cold = fit(target, one_thread());
  ASSERT_EQ(cold.verdict.grade, diagnose::Grade::kGood);
  FitOptions o = one_thread();
  o.start = cold.approximation;
  const FitResult warm = fit(target, o);
  EXPECT_EQ(warm.verdict.grade, diagnose::Grade::kGood);
  EXPECT_NEAR(warm.elbo.value, cold.elbo.value, 0.05);
  EXPECT_FALSE(has_stage(warm, "batch-and-match (cold)"));
  EXPECT_LT(warm.evaluations, cold.evaluations - 1000);
}

TEST(WarmStart, AStartThatLeadsNowhereIsLeftAside) {
  const testing::PointDensity target = testing::rotated_normal({1, 2, 3}, {1, 1, 1}, 0.5);
  FitOptions o = one_thread();
  o.start = std::make_shared<MeanFieldNormal>(std::vector<double>{500, 500, 500},
                                              std::vector<double>{1, 1, 1});
  const FitResult r = fit(target, o);
  EXPECT_EQ(r.verdict.grade, diagnose::Grade::kGood);
  EXPECT_NEAR(r.elbo.value, 0, 1e-2);
  o.start = std::make_shared<FullRankNormal>(2);
  EXPECT_THROW(fit(target, o), Error);
}

TEST(WarmStart, CheckpointsRiseAndTheLastIsAsGoodAsTheEnd) {
  const testing::PointDensity target = testing::eight_schools_noncentered();
  std::vector<Checkpoint> seen;
  FitOptions o = one_thread();
  o.checkpoint_seconds = 0;
  o.method = Method::kNaturalGradient;
  o.on_checkpoint = [&](const Checkpoint& c) { seen.push_back(c); };
  const FitResult r = fit(target, o);
  ASSERT_GT(seen.size(), 1u);
  double best = -1e300;
  for (size_t i = 0; i < seen.size(); ++i) {
    ASSERT_TRUE(seen[i].q);
    EXPECT_EQ(seen[i].q->dim(), 10);
    EXPECT_GE(seen[i].elbo, best - 0.11);
    best = std::max(best, seen[i].elbo);
    if (i == 0) continue;
    EXPECT_GE(seen[i].evaluations, seen[i - 1].evaluations);
  }
  EXPECT_NEAR(best, r.elbo.value, 0.3);
  // Whoever goes on from there ends where the whole run did.
  FitOptions again = one_thread();
  again.start = seen.back().q;
  again.method = Method::kNaturalGradient;
  const FitResult resumed = fit(target, again);
  EXPECT_NEAR(resumed.elbo.value, r.elbo.value, 0.05);
  // Without a sink, the run is the same.
  o.on_checkpoint = nullptr;
  EXPECT_EQ(fit(target, o).draws, r.draws);
}

// A run that goes on has its approximation, however little time it is given.
TEST(WarmStart, NoTimeForPathsLeavesTheStart) {
  const testing::PointDensity target = testing::eight_schools_noncentered();
  FitOptions o = one_thread();
  o.method = Method::kNaturalGradient;
  const FitResult whole = fit(target, o);
  o.start = whole.approximation;
  o.budget_seconds = 0;
  const FitResult r = fit(target, o);
  ASSERT_TRUE(r.approximation);
  EXPECT_TRUE(r.budget_spent);
  EXPECT_GT(r.num_draws, 0);
  EXPECT_NEAR(r.elbo.value, whole.elbo.value, 0.1);
  o.start = nullptr;
  EXPECT_FALSE(fit(target, o).approximation);
}

TEST(WarmStart, MeanFieldTakesItToo) {
  const testing::PointDensity target = testing::rotated_normal({1, -2, 3}, {0.1, 1, 10}, 0);
  FitOptions o = one_thread();
  o.method = Method::kMeanField;
  const FitResult cold = fit(target, o);
  o.start = cold.approximation;
  const FitResult warm = fit(target, o);
  EXPECT_NEAR(warm.elbo.value, 0, 0.01);
}

}  // namespace
}  // namespace vinci::infer
