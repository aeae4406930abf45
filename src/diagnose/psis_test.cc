#include "diagnose/psis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "numeric/random/random_stream.h"

namespace vinci::diagnose {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double sum(const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0); }

TEST(GeneralizedPareto, RecoversTheShape) {
  constexpr int kCount = 4000;
  for (const double k : {-0.4, 0.1, 0.5, 0.9, 1.5}) {
    // Exact quantiles in place of draws: what remains is the estimator's bias and its prior.
    std::vector<double> x(kCount);
    for (int i = 0; i < kCount; ++i) {
      const double p = (i + 0.5) / kCount;
      x[static_cast<size_t>(i)] = 3 * std::expm1(-k * std::log1p(-p)) / k;
    }
    const ParetoFit fit = fit_generalized_pareto(x);
    EXPECT_NEAR(fit.k, k, 0.03) << k;
    EXPECT_NEAR(fit.sigma, 3, 0.1) << k;
  }
}

// For p = N(0, 1) and q = N(0, s^2) the ratio has a tail of shape 1 - s^2 (s < 1).
TEST(Psis, KhatOfNormalAgainstNarrowerNormal) {
  constexpr int kCount = 100000;
  for (const double variance : {0.3, 0.5, 0.8}) {
    numeric::RandomStream random(3);
    std::vector<double> ratios(kCount), squares(kCount);
    for (int s = 0; s < kCount; ++s) {
      const double z = std::sqrt(variance) * random.normal();
      squares[static_cast<size_t>(s)] = z * z;
      ratios[static_cast<size_t>(s)] =
          7 - 0.5 * z * z + 0.5 * z * z / variance + 0.5 * std::log(variance);
    }
    const Psis psis = smooth_importance_weights(ratios);
    EXPECT_NEAR(psis.khat, 1 - variance, 0.12) << variance;
    EXPECT_EQ(psis.threshold, 0.7);
    EXPECT_NEAR(sum(psis.weights), 1, 1e-12);
    if (variance < 0.5) continue;
    EXPECT_NEAR(psis.log_mean_ratio, 7, 5 * psis.log_mean_ratio_error);
    EXPECT_GT(psis.log_mean_ratio_error, 0);
    const WeightedEstimate e = weighted_estimate(psis, squares);
    EXPECT_NEAR(e.mean, 1, 5 * e.mcse);
    EXPECT_GE(e.khat, psis.khat);
  }
}

TEST(Psis, ExactApproximationIsTheBestCase) {
  const std::vector<double> same(1000, -3.5);
  Psis psis = smooth_importance_weights(same);
  EXPECT_TRUE(psis.constant);
  EXPECT_EQ(psis.khat, 0);
  EXPECT_NEAR(psis.ess, 1000, 1e-9);
  EXPECT_NEAR(psis.log_mean_ratio, -3.5, 1e-12);
  EXPECT_NEAR(psis.log_mean_ratio_error, 0, 1e-7);
  // Rounding errors of log p - log q have a tail too; it must not be read as one.
  std::vector<double> rounded(1000);
  numeric::RandomStream random(1);
  for (double& r : rounded) r = -3.5 + 1e-11 * random.cauchy(0, 1);
  psis = smooth_importance_weights(rounded);
  EXPECT_TRUE(psis.constant);
  EXPECT_EQ(psis.khat, 0);
}

TEST(Psis, BoundedRatioWithFlatTop) {
  // Half of the draws have ratio 1, the others less: weights are bounded, k-hat must not exceed any
  // threshold.
  std::vector<double> ratios(1000, 0.0);
  for (size_t s = 0; s < 500; ++s) ratios[s] = -1 - static_cast<double>(s) / 100;
  const Psis psis = smooth_importance_weights(ratios);
  EXPECT_LT(psis.khat, 0);
  EXPECT_TRUE(psis.reliable());
}

TEST(Psis, NonFiniteRatios) {
  numeric::RandomStream random(5);
  std::vector<double> ratios(1000);
  for (double& r : ratios) r = 0.1 * random.normal();
  ratios[3] = -kInfinity;
  ratios[5] = std::nan("");
  ratios[7] = kInfinity;
  const Psis psis = smooth_importance_weights(ratios);
  EXPECT_EQ(psis.num_nonfinite, 3);
  EXPECT_EQ(psis.weights[3], 0);
  EXPECT_EQ(psis.weights[5], 0);
  EXPECT_EQ(psis.weights[7], 0);
  EXPECT_NEAR(sum(psis.weights), 1, 1e-12);
  EXPECT_TRUE(std::isfinite(psis.khat));

  const Psis none = smooth_importance_weights(std::vector<double>(100, -kInfinity));
  EXPECT_EQ(none.khat, kInfinity);
  EXPECT_TRUE(none.weights.empty());
  EXPECT_FALSE(none.reliable());
  const Psis single = smooth_importance_weights([] {
    std::vector<double> r(100, -kInfinity);
    r[4] = 2;
    return r;
  }());
  EXPECT_FALSE(single.reliable());
  EXPECT_FALSE(smooth_importance_weights({}).reliable());
}

TEST(Psis, TooFewDraws) {
  const Psis psis = smooth_importance_weights(std::vector<double>{0, 0.1, 0.2, -1, 0.3, 0.9});
  EXPECT_TRUE(psis.too_few);
  EXPECT_TRUE(std::isnan(psis.khat));
  EXPECT_FALSE(psis.reliable());
  EXPECT_NEAR(sum(psis.weights), 1, 1e-12);
}

TEST(Psis, Threshold) {
  EXPECT_NEAR(khat_threshold(100), 0.5, 1e-12);
  EXPECT_NEAR(khat_threshold(1000), 2.0 / 3, 1e-12);
  EXPECT_EQ(khat_threshold(100000), 0.7);
  EXPECT_EQ(khat_threshold(1), 0);
}

TEST(Psis, OneHugeWeightIsNeverReliable) {
  numeric::RandomStream random(5);
  std::vector<double> ratios(4000);
  for (double& r : ratios) r = 5 * random.normal();  // lognormal weights with a very heavy tail
  const Psis psis = smooth_importance_weights(ratios);
  EXPECT_GT(psis.khat, 0.7);
  EXPECT_LT(psis.ess, 100);
}

TEST(SystematicResample, FollowsTheWeights) {
  const std::vector<double> weights{0.05, 0, 0.5, 0.45};
  const auto indices = systematic_resample(weights, 20, 0.37);
  std::vector<int> count(4, 0);
  for (const std::ptrdiff_t i : indices) ++count[static_cast<size_t>(i)];
  EXPECT_EQ(count, (std::vector<int>{1, 0, 10, 9}));
  // Equal weights, fewer draws than weights: nothing is drawn twice.
  const std::vector<double> equal(1000, 0.001);
  const auto some = systematic_resample(equal, 300, 0.999);
  for (size_t i = 1; i < some.size(); ++i) EXPECT_GT(some[i], some[i - 1]);
  EXPECT_EQ(some.size(), 300u);
  EXPECT_TRUE(systematic_resample({}, 5, 0.5).empty());
}

}  // namespace
}  // namespace vinci::diagnose
