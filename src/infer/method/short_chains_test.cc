#include "infer/method/short_chains.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <vector>

#include "infer/dense.h"
#include "infer/family/full_rank_normal.h"
#include "infer/family/mean_field_normal.h"
#include "infer/testing/targets.h"

namespace vinci::infer {
namespace {

using testing::PointDensity;

constexpr uint32_t kStream = 0x80;
constexpr numeric::RandomKey kKey{3, kStream};

std::vector<double> draws_of(const Family& q, Index count, uint64_t seed = 5) {
  Matrix z(q.dim(), count);
  std::vector<double> log_q(static_cast<size_t>(count));
  q.draw({seed, 1}, 0, 0, mutable_lanes(z), log_q);
  return to_std(Matrix(z.transpose()));
}

ShortChainsResult run(const LogDensity& target, const Family& q, ShortChainsOptions o = {},
                      uint64_t seed = 5) {
  const Context context;
  Objective objective(target, context);
  const ShortChainsResult r = short_chains(objective, draws_of(q, 4000, seed), o, {seed, kStream});
  EXPECT_EQ(r.evaluations, objective.evaluations());
  return r;
}

std::vector<double> ones(Index dim) { return std::vector<double>(static_cast<size_t>(dim), 1.0); }
std::vector<double> zeros(Index dim) { return std::vector<double>(static_cast<size_t>(dim), 0.0); }

TEST(ShortChains, NothingDriftsWhereQIsP) {
  const PointDensity target = testing::rotated_normal(zeros(30), ones(30), 0.7);
  int drifts = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const ShortChainsResult r = run(target, FullRankNormal(30), {}, seed);
    ASSERT_TRUE(r.ran);
    EXPECT_EQ(r.num_chains, 128);
    EXPECT_GT(r.acceptance, 0.6);
    EXPECT_LT(r.slowest, 0.5);
    EXPECT_LT(r.mean_at_most, 0.35);
    drifts += r.drifts() ? 1 : 0;
    EXPECT_EQ(r.certifies(0.45, 0.45), true) << r.mean_at_most << ' ' << r.log_sd_at_most;
  }
  // One in a hundred runs by chance: three of twenty have probability 1e-3.
  EXPECT_LE(drifts, 2);
}

TEST(ShortChains, ErrorsOfMeanAndScaleDrift) {
  std::vector<double> mean = zeros(50), sd = ones(50);
  mean[17] = 1;
  sd[31] = 2;
  const PointDensity target = testing::rotated_normal(mean, sd, 0);
  const ShortChainsResult r = run(target, FullRankNormal(50));
  ASSERT_TRUE(r.ran);
  EXPECT_TRUE(r.drifts());
  EXPECT_FALSE(r.certifies());
  EXPECT_EQ(r.mean.coordinate, 17);
  EXPECT_EQ(r.log_sd.coordinate, 31);
  EXPECT_NEAR(r.mean.value, 1, 0.3);
  EXPECT_NEAR(r.log_sd.value, std::log(2), 0.3);
  EXPECT_GT(r.mean_at_least, 0.2);
  EXPECT_GT(r.log_sd_at_least, 0.1);
}

// A joint k-hat sees a small error in each of many coordinates as a large one; marginals are fine.
TEST(ShortChains, CertifyMarginalsWhereTheJointLooksBad) {
  const Index dim = 200;
  std::vector<double> sd = ones(dim);
  for (double& s : sd) s = 1.12;
  const PointDensity target = testing::rotated_normal(zeros(dim), sd, 0);
  ShortChainsOptions o;
  o.num_chains = 256;
  const ShortChainsResult r = run(target, FullRankNormal(dim), o);
  ASSERT_TRUE(r.ran);
  EXPECT_TRUE(r.certifies(0.4, 0.5))
      << r.mean_at_most << ' ' << r.log_sd_at_most << ' ' << r.slowest;
  double mean = 0;
  for (const double x : r.log_sd_drift) mean += x / static_cast<double>(dim);
  EXPECT_NEAR(mean, std::log(1.12), 0.03);
}

// The neck that a normal does not reach: v ~ N(0, 3) is narrower under the best normal.
TEST(ShortChains, FunnelIsNotStationaryUnderANarrowNormal) {
  const PointDensity target = testing::funnel(10);
  std::vector<double> sd = ones(10);
  const ShortChainsResult r = run(target, MeanFieldNormal(zeros(10), sd));
  ASSERT_TRUE(r.ran);
  EXPECT_TRUE(r.drifts());
  EXPECT_FALSE(r.certifies());
}

TEST(ShortChains, MetricOfAFactorMakesCorrelationHarmless) {
  // Correlation 0.999 between two coordinates.
  const double c = std::sqrt(1 - 0.999 * 0.999);
  const FullRankNormal q({0, 0}, {1, 0, 0.999, c});
  const PointDensity target(2, [c](const std::vector<double>& x, std::vector<double>& g) {
    const double r = (x[1] - 0.999 * x[0]) / (c * c);
    g[0] = -x[0] + 0.999 * r;
    g[1] = -r;
    return -0.5 * x[0] * x[0] - 0.5 * (x[1] - 0.999 * x[0]) * r;
  });
  ShortChainsOptions o;
  const ShortChainsResult slow = run(target, q, o);
  o.factor = q.factor();
  const ShortChainsResult fast = run(target, q, o);
  EXPECT_GT(slow.slowest, 0.8);
  EXPECT_FALSE(slow.certifies());  // nothing drifts, since nothing moves
  EXPECT_LT(fast.slowest, 0.4);
  EXPECT_TRUE(fast.certifies(0.45, 0.45)) << fast.mean_at_most << ' ' << fast.log_sd_at_most;
  EXPECT_GT(fast.step_size, 3 * slow.step_size);
}

TEST(ShortChains, DrawsOutsideOfTheSupportAreLeftOut) {
  const ShortChainsResult half = run(testing::half_space(3, 0), FullRankNormal(3));
  ASSERT_TRUE(half.ran);
  EXPECT_LT(half.num_chains, 90);
  EXPECT_TRUE(half.drifts());
  EXPECT_FALSE(run(testing::nowhere_finite(3), FullRankNormal(3)).ran);
}

TEST(ShortChains, TooFewDrawsOrCancelledGiveNoResult) {
  const PointDensity target = testing::rotated_normal({0}, {1}, 0);
  std::atomic<bool> cancel{true};
  Context context;
  Objective objective(target, context);
  EXPECT_FALSE(short_chains(objective, draws_of(FullRankNormal(1), 10), {}, kKey).ran);
  EXPECT_FALSE(short_chains(objective, {}, {}, kKey).certifies());
  context.cancel = &cancel;
  EXPECT_FALSE(short_chains(objective, draws_of(FullRankNormal(1), 100), {}, kKey).ran);
}

}  // namespace
}  // namespace vinci::infer
