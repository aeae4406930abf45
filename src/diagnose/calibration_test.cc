#include "diagnose/calibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "numeric/random/random_stream.h"

namespace vinci::diagnose {
namespace {

/// Q(theta_0) for theta_0 ~ N(0, 1) and q = N(shift, scale^2).
std::vector<double> replicas(int count, double shift, double scale, uint64_t seed) {
  numeric::RandomStream random(seed);
  std::vector<double> p;
  for (int j = 0; j < count; ++j) {
    p.push_back(0.5 * std::erfc(-(random.normal() - shift) / scale / std::sqrt(2)));
  }
  return p;
}

TEST(Calibration, StatisticsByHand) {
  // F_p and F_{1-p} of {0.1, 0.2, 0.9}: below 0.2 equal, on [0.2, 0.8) one apart.
  EXPECT_DOUBLE_EQ(symmetry_statistic(std::vector<double>{0.1, 0.2, 0.9}), 1.0 / 3);
  EXPECT_DOUBLE_EQ(symmetry_statistic(std::vector<double>{0.1, 0.9}), 0);
  EXPECT_DOUBLE_EQ(symmetry_statistic(std::vector<double>{0, 0, 0, 0.5}), 0.75);
  EXPECT_DOUBLE_EQ(uniformity_statistic(std::vector<double>{0.25, 0.75}), 0.25);
  EXPECT_DOUBLE_EQ(uniformity_statistic(std::vector<double>{0.9}), 0.9);
}

// Kolmogorov's limit: P(sqrt(n) D >= 1.3581) = 0.05, 1.6276: 0.01.
TEST(Calibration, KolmogorovsDistribution) {
  const std::ptrdiff_t n = 100'000'000;
  EXPECT_NEAR(kolmogorov_p_value(1.3581 / 1e4, n), 0.05, 1e-4);
  EXPECT_NEAR(kolmogorov_p_value(1.6276 / 1e4, n), 0.01, 1e-4);
  EXPECT_EQ(kolmogorov_p_value(0.001, 100), 1);
  // Small samples, exact critical values: n = 10, 0.40925 at 5 %; n = 20, 0.29408.
  EXPECT_NEAR(kolmogorov_p_value(0.40925, 10), 0.05, 0.002);
  EXPECT_NEAR(kolmogorov_p_value(0.29408, 20), 0.05, 0.002);
}

TEST(Calibration, LevelIsKeptWhereQIsExact) {
  int asymmetric = 0, uneven = 0;
  constexpr int kRuns = 200;
  for (uint64_t run = 0; run < kRuns; ++run) {
    const Calibration c = calibrate(replicas(60, 0, 1, 1000 + run), 0.05, run, 399);
    asymmetric += c.symmetry_p_value < 0.05 ? 1 : 0;
    uneven += c.uniformity_p_value < 0.05 ? 1 : 0;
  }
  // Binomial(200, 0.05): mean 10, deviation 3.1.
  EXPECT_LE(asymmetric, 20);
  EXPECT_GE(asymmetric, 2);
  EXPECT_LE(uneven, 20);
  EXPECT_GE(uneven, 2);
}

TEST(Calibration, FindsWhatIsWrong) {
  using Finding = Calibration::Finding;
  EXPECT_EQ(calibrate(replicas(100, 0, 1, 3), 0.01, 1).finding, Finding::kCalibrated);
  const Calibration high = calibrate(replicas(100, 0.8, 1, 3), 0.01, 1);
  EXPECT_EQ(high.finding, Finding::kTooHigh);
  EXPECT_LT(high.mean, 0.4);
  EXPECT_EQ(calibrate(replicas(100, -0.8, 1, 3), 0.01, 1).finding, Finding::kTooLow);
  const Calibration narrow = calibrate(replicas(100, 0, 0.4, 3), 0.01, 1);
  EXPECT_EQ(narrow.finding, Finding::kTooNarrow);
  EXPECT_GT(narrow.symmetry_p_value, 0.01);
  EXPECT_GT(narrow.histogram.front() + narrow.histogram.back(), 20);
  EXPECT_EQ(calibrate(replicas(200, 0, 3, 3), 0.01, 1).finding, Finding::kTooWide);
}

TEST(Calibration, NoReplicasAndOne) {
  EXPECT_EQ(calibrate({}, 0.05, 1).count, 0);
  const Calibration one = calibrate(std::vector<double>{1.0}, 0.05, 1);
  EXPECT_EQ(one.histogram.back(), 1);
  EXPECT_EQ(one.symmetry_p_value, 1);
}

}  // namespace
}  // namespace vinci::diagnose
