#include "diagnose/rhat.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "numeric/random/random_stream.h"

namespace vinci::diagnose {
namespace {

/// x_t = start_t + e_t, e an autoregression of deviation 1.
std::vector<double> wandering(int count, double correlation, uint64_t seed) {
  numeric::RandomStream random(seed);
  std::vector<double> x;
  double e = random.normal();
  for (int t = 0; t < count; ++t) {
    x.push_back(e);
    e = correlation * e + std::sqrt(1 - correlation * correlation) * random.normal();
  }
  return x;
}

// The mean of an autoregression of n steps has the error sqrt((1 + r) / (1 - r) / n).
TEST(SequenceMean, ErrorOfAnAutoregression) {
  for (const double r : {0.0, 0.5, 0.9}) {
    double ess = 0, mcse = 0, squares = 0;
    constexpr int kRuns = 40, kCount = 2000;
    for (int run = 0; run < kRuns; ++run) {
      const SequenceMean m = sequence_mean(wandering(kCount, r, 100 + static_cast<uint64_t>(run)));
      ess += m.ess / kRuns;
      mcse += m.mcse / kRuns;
      squares += m.mean * m.mean / kRuns;
    }
    const double expected = (1 - r) / (1 + r) * kCount;
    EXPECT_NEAR(ess / expected, 1, 0.15) << r;
    EXPECT_NEAR(mcse * std::sqrt(expected), 1, 0.1) << r;
    // The errors that occur are those that are stated: chi-square of 40 degrees of freedom, 4 sd.
    EXPECT_NEAR(squares / (mcse * mcse), 1, 4 * std::sqrt(2.0 / kRuns)) << r;
  }
}

TEST(SequenceMean, EdgesOfItsDomain) {
  EXPECT_TRUE(std::isnan(sequence_mean({}).mean));
  const SequenceMean constant = sequence_mean(std::vector<double>(50, 3.0));
  EXPECT_EQ(constant.mean, 3);
  EXPECT_EQ(constant.mcse, 0);
  EXPECT_TRUE(std::isnan(sequence_mean(std::vector<double>{1, std::nan(""), 2, 3, 4}).mcse));
}

/// Two parameters that fall from 20 and 5 to their optimum within `travel` steps.
std::vector<double> iterates(int count, int travel) {
  const std::vector<double> a = wandering(count, 0.6, 5), b = wandering(count, 0.6, 6);
  std::vector<double> out;
  for (int t = 0; t < count; ++t) {
    const double far = t < travel ? 1 - static_cast<double>(t) / travel : 0;
    out.push_back(20 * far + 0.1 * a[static_cast<size_t>(t)]);
    out.push_back(5 * far + 0.1 * b[static_cast<size_t>(t)]);
  }
  return out;
}

TEST(StationaryWindow, LeavesTheWayThereOut) {
  const IterateWindow w = stationary_window(iterates(2000, 800), 2);
  EXPECT_TRUE(w.stationary);
  EXPECT_LT(w.rhat, 1.1);
  EXPECT_GE(w.window, 200);
  EXPECT_LE(w.window, 1200);
  const IterateMeans m = iterate_means(iterates(2000, 800), 2, w.window, {});
  EXPECT_TRUE(m.accurate);
  EXPECT_NEAR(m.mean[0], 0, 5 * m.worst_mcse);
  EXPECT_LT(m.worst_mcse, 0.02);
  EXPECT_GT(m.least_ess, 25);
}

TEST(StationaryWindow, SeesThatIteratesStillTravel) {
  const IterateWindow w = stationary_window(iterates(2000, 5000), 2);
  EXPECT_FALSE(w.stationary);
  EXPECT_GT(w.rhat, 1.1);
  EXPECT_EQ(stationary_window(iterates(150, 0), 2).window, 0);
  EXPECT_FALSE(stationary_window(iterates(150, 0), 2).stationary);
}

TEST(IterateMeans, AccuracyIsRelativeToTheScale) {
  const std::vector<double> x = iterates(1000, 0);
  EXPECT_TRUE(iterate_means(x, 2, 900, std::vector<double>{1, 1}).accurate);
  // The error of the second is a tenth of 0.001 and more.
  EXPECT_FALSE(iterate_means(x, 2, 900, std::vector<double>{1, 0.001}).accurate);
  EXPECT_FALSE(iterate_means(x, 2, 900, {}, 0.1, 5000).accurate);
}

TEST(SplitRhat, SequencesThatAgreeAndThatDoNot) {
  const std::vector<double> one = wandering(1000, 0, 1);
  EXPECT_NEAR(split_rhat(one, 1), 1, 0.01);
  std::vector<double> two = one;
  for (const double x : wandering(1000, 0, 2)) two.push_back(x + 2);
  EXPECT_GT(split_rhat(two, 2), 1.3);
  EXPECT_TRUE(std::isnan(split_rhat(std::vector<double>{1, 2, 3}, 1)));
}

}  // namespace
}  // namespace vinci::diagnose
