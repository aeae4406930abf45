#include "diagnose/bounds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "numeric/random/random_stream.h"

namespace vinci::diagnose {
namespace {

/// p = N(mean, sd^2) / evidence and draws of q = N(0, 1).
struct Pair {
  double mean, sd;
  // log int p^2 / q, for 2 > sd^2.
  double d2() const { return mean * mean / (2 - sd * sd) - std::log(sd * std::sqrt(2 - sd * sd)); }
  // KL(q | p).
  double kl() const { return std::log(sd) + (1 + mean * mean) / (2 * sd * sd) - 0.5; }
  double w2() const { return std::hypot(mean, sd - 1); }
};
constexpr double kLogEvidence = -12;

struct Sample {
  std::vector<double> z, ratios;
};
Sample sample(const Pair& pair, int count) {
  numeric::RandomStream random(11);
  Sample s;
  for (int i = 0; i < count; ++i) {
    const double z = random.normal(), u = (z - pair.mean) / pair.sd;
    s.z.push_back(z);
    s.ratios.push_back(kLogEvidence - 0.5 * u * u - std::log(pair.sd) + 0.5 * z * z);
  }
  return s;
}

TEST(Bounds, RenyiDivergenceOfNormals) {
  for (const Pair pair : {Pair{0.1, 1}, Pair{0.3, 0.9}, Pair{0, 0.7}, Pair{0.2, 1.1}}) {
    const Sample s = sample(pair, 100000);
    const Psis psis = smooth_importance_weights(s.ratios);
    const RenyiBound bound = renyi_bound(psis, elbo_from_log_ratios(s.ratios));
    // 2 (CUBO - ELBO) = D2 + 2 KL.
    EXPECT_NEAR(bound.d2, pair.d2() + 2 * pair.kl(), 5 * bound.d2_error) << pair.mean;
    EXPECT_GT(bound.d2_error, 0);
    EXPECT_LT(bound.d2_error, 0.02);
    EXPECT_GT(bound.cubo2, kLogEvidence);
    EXPECT_FALSE(bound.optimistic);
    const MomentBounds m = moment_bounds(bound.d2, s.z);
    EXPECT_GE(m.mean_error, std::abs(pair.mean));
    EXPECT_GE(m.sd_error, std::abs(pair.sd - 1));
    EXPECT_GE(m.variance_error, std::abs(pair.sd * pair.sd - 1));
    EXPECT_GE(m.w2, pair.w2());
    // One dimension: the joint is the marginal.
    const JointBounds j = joint_bounds(bound.d2, s.z, 1);
    EXPECT_DOUBLE_EQ(j.w1, m.w1);
    EXPECT_DOUBLE_EQ(j.w2, m.w2);
  }
}

// For q = N(0, 1) the moments are 1 and 3.
TEST(Bounds, ConstantsAreThoseOfTheFormula) {
  const Sample s = sample({0, 1}, 100000);
  const MomentBounds m = moment_bounds(0.05, s.z);
  EXPECT_NEAR(m.w1, std::sqrt(std::expm1(0.05)), 0.005);
  EXPECT_NEAR(m.w2, std::sqrt(2) * std::pow(3 * std::expm1(0.05), 0.25), 0.01);
  EXPECT_NEAR(moment_bounds(0, s.z).mean_error, 0, 1e-12);
  // Two coordinates: |z|^2 has the mean 2, |z|^4 the mean 8.
  const JointBounds j = joint_bounds(0.05, s.z, 2);
  EXPECT_NEAR(j.w1, std::sqrt(2 * std::expm1(0.05)), 0.01);
  EXPECT_NEAR(j.w2, std::sqrt(2) * std::pow(8 * std::expm1(0.05), 0.25), 0.015);
}

TEST(Bounds, SayWhatTheyAreGoodFor) {
  const auto use = [](const Pair& pair) {
    const Sample s = sample(pair, 20000);
    return renyi_bound(smooth_importance_weights(s.ratios), elbo_from_log_ratios(s.ratios));
  };
  EXPECT_EQ(use({0.1, 1}).use, BoundUse::kTight);
  EXPECT_EQ(use({0.8, 1}).use, BoundUse::kReweight);
  EXPECT_EQ(use({1.6, 0.9}).use, BoundUse::kUseless);
  // The ratio of N(0, 5^2) against N(0, 1) has a tail of shape 0.96.
  const RenyiBound none = use({0, 5});
  EXPECT_EQ(none.use, BoundUse::kNotComputed);
  EXPECT_TRUE(std::isnan(none.d2));
  EXPECT_TRUE(std::isnan(moment_bounds(none.d2, std::vector<double>{1, 2}).mean_error));
}

}  // namespace
}  // namespace vinci::diagnose
