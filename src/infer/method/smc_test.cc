#include "infer/method/smc.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "infer/testing/targets.h"

namespace vinci::infer {
namespace {

using testing::PointDensity;

SmcResult run(const LogDensity& density, const FullRankNormal& start, SmcOptions options = {}) {
  const Context context;
  Objective objective(density, context);
  return smc(objective, {start}, {1.0}, options, 1, 0x700);
}

struct Moments {
  double mean, sd;
};
Moments moments(const SmcResult& r, Index dim, Index d) {
  double sum = 0, squares = 0;
  for (Index s = 0; s < r.count; ++s) {
    const double x = r.points[static_cast<size_t>(s * dim + d)];
    sum += x;
    squares += x * x;
  }
  const auto n = static_cast<double>(r.count);
  return {sum / n, std::sqrt(squares / n - sum * sum / n / n)};
}

TEST(Smc, NormalWithKnownEvidence) {
  const PointDensity target = testing::rotated_normal({1, -2, 30}, {0.5, 2, 10}, 0.6);
  const SmcResult r = run(target, FullRankNormal(3, 5));
  ASSERT_TRUE(r.trustworthy()) << r.rhat << " " << r.autocorrelation;
  EXPECT_NEAR(r.log_evidence.value, 0, 5 * r.log_evidence.error);
  EXPECT_LT(r.log_evidence.error, 0.3);
  ASSERT_EQ(r.count, 2048);
  // Coordinates are rotated; the sum of variances is not, nor is the mean of the first draw's law.
  double variance = 0;
  for (Index d = 0; d < 3; ++d) variance += std::pow(moments(r, 3, d).sd, 2);
  EXPECT_NEAR(variance / (0.25 + 4 + 100), 1, 6 * std::sqrt(2.0 / 2048));
}

// Neal's funnel has a neck that particles hardly enter: populations that start wider miss more of
// it.
TEST(Smc, FunnelIsRightOrNotTrusted) {
  const PointDensity target = testing::funnel(10);
  const SmcResult r = run(target, FullRankNormal(10, 2));
  ASSERT_TRUE(r.completed);
  if (r.trustworthy()) {
    EXPECT_NEAR(r.log_evidence.value, 0, 0.5);
  }
}

TEST(Smc, Banana) {
  const PointDensity target = testing::banana(0.5);
  const SmcResult r = run(target, FullRankNormal(2, 1));
  ASSERT_TRUE(r.trustworthy()) << r.rhat << " " << r.log_evidence.error << " " << r.autocorrelation;
  EXPECT_NEAR(r.log_evidence.value, 0, std::max(0.05, 5 * r.log_evidence.error));
}

TEST(Smc, TwoModesOfUnequalMass) {
  const PointDensity target = testing::two_modes(2, 6, 0.2);
  const SmcResult r = run(target, FullRankNormal(2, 4));
  ASSERT_TRUE(r.completed);
  EXPECT_NEAR(r.log_evidence.value, 0, std::max(0.05, 5 * r.log_evidence.error));
  double right = 0;
  for (Index s = 0; s < r.count; ++s) right += r.points[static_cast<size_t>(2 * s)] > 0 ? 1 : 0;
  const double share = right / static_cast<double>(r.count);
  EXPECT_NEAR(std::min(share, 1 - share), 0.2, 0.05);
}

TEST(Smc, PopulationsThatEndInDifferentPlacesAreNotTrusted) {
  SmcOptions o;
  o.particles = 8;
  const SmcResult r = run(testing::two_modes(2, 30, 0.5), FullRankNormal(2, 1), o);
  EXPECT_FALSE(r.trustworthy());
}

TEST(Smc, SameBitsEachTimeAndStopsOnBudget) {
  const PointDensity target = testing::funnel(4);
  const SmcResult a = run(target, FullRankNormal(4, 2)), b = run(target, FullRankNormal(4, 2));
  EXPECT_EQ(a.points, b.points);
  EXPECT_EQ(a.log_evidence.value, b.log_evidence.value);
  const Context context;
  Objective objective(target, context, {5000, 1e9});
  const SmcResult stopped = smc(objective, {FullRankNormal(4, 2)}, {1.0}, {}, 1, 0x700);
  EXPECT_FALSE(stopped.completed);
  EXPECT_FALSE(stopped.trustworthy());
}

TEST(Smc, NowhereFiniteEndsWithoutDraws) {
  const SmcResult r = run(testing::nowhere_finite(3), FullRankNormal(3));
  EXPECT_FALSE(r.completed);
  EXPECT_EQ(r.count, 0);
}

}  // namespace
}  // namespace vinci::infer
