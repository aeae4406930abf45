#include "deep/core/noise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "numeric/simd/target.h"

namespace vinci::deep {
namespace {

constexpr int64_t kCount = 200001;

TEST(Noise, IsAFunctionOfSeedStreamStepAndCall) {
  const auto first = [](uint64_t seed, NoiseStream stream, uint64_t step, int call) {
    Noise noise(seed, stream, step);
    for (int i = 0; i < call; ++i) noise.uniform({3});
    return noise.uniform({100});
  };
  const Tensor a = first(1, NoiseStream::kTraining, 7, 2);
  EXPECT_TRUE(a.equal(first(1, NoiseStream::kTraining, 7, 2)));
  EXPECT_FALSE(a.equal(first(2, NoiseStream::kTraining, 7, 2)));
  EXPECT_FALSE(a.equal(first(1, NoiseStream::kValidation, 7, 2)));
  EXPECT_FALSE(a.equal(first(1, NoiseStream::kTraining, 8, 2)));
  EXPECT_FALSE(a.equal(first(1, NoiseStream::kTraining, 7 + (uint64_t{1} << 32), 2)));
  EXPECT_FALSE(a.equal(first(1, NoiseStream::kTraining, 7, 3)));
  // A longer tensor begins with the same numbers.
  Noise noise(1, NoiseStream::kTraining, 7);
  Noise longer(1, NoiseStream::kTraining, 7);
  EXPECT_TRUE(noise.normal({100}).equal(longer.normal({kCount}).slice(0, 0, 100)));
}

// Moments up to the fourth and the lag-one correlation within five standard errors.
TEST(Noise, UniformsAndNormalsHaveTheirMoments) {
  Noise noise(3, NoiseStream::kTraining, 0);
  const double n = kCount;
  const Tensor u = noise.uniform({kCount}).to(at::kDouble);
  EXPECT_GT(u.min().item<double>(), 0);
  EXPECT_LT(u.max().item<double>(), 1);
  EXPECT_NEAR(u.mean().item<double>(), 0.5, 5 / std::sqrt(12 * n));
  EXPECT_NEAR((u - 0.5).square().mean().item<double>(), 1.0 / 12, 5 / std::sqrt(180 * n));
  const Tensor z = noise.normal({kCount}).to(at::kDouble);
  EXPECT_NEAR(z.mean().item<double>(), 0, 5 / std::sqrt(n));
  EXPECT_NEAR(z.square().mean().item<double>(), 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(z.pow(3).mean().item<double>(), 0, 5 * std::sqrt(15 / n));
  EXPECT_NEAR(z.pow(4).mean().item<double>(), 3, 5 * std::sqrt(96 / n));
  EXPECT_NEAR((z.slice(0, 1) * z.slice(0, 0, kCount - 1)).mean().item<double>(), 0,
              5 / std::sqrt(n));
  // P(|z| > 3) = 0.0026998.
  EXPECT_NEAR(z.abs().gt(3).to(at::kDouble).mean().item<double>(), 0.0026998,
              5 * std::sqrt(0.0027 / n));
}

TEST(Noise, BinarisesWithProbabilityOfTheByte) {
  Noise noise(4, NoiseStream::kData, 0);
  Tensor bytes = at::zeros({3, kCount}, at::kByte);
  bytes[1].fill_(51);
  bytes[2].fill_(255);
  const Tensor bits = noise.binarise(bytes);
  EXPECT_EQ(bits[0].sum().item<double>(), 0);
  EXPECT_NEAR(bits[1].to(at::kDouble).mean().item<double>(), 0.2, 5 * 0.4 / std::sqrt(kCount));
  EXPECT_EQ(bits[2].sum().item<double>(), kCount);
}

TEST(Noise, InstructionSetsAgreeOnUniforms) {
  const auto draw = [] {
    Noise noise(5, NoiseStream::kTraining, 1);
    return std::make_pair(noise.uniform({1003}), noise.normal({1003}));
  };
  const numeric::SimdTarget before = numeric::simd_target();
  ASSERT_TRUE(numeric::set_simd_target(numeric::SimdTarget::kBaseline));
  const auto [u, z] = draw();
  for (const auto target : {numeric::SimdTarget::kAvx2, numeric::SimdTarget::kAvx512}) {
    if (!numeric::set_simd_target(target)) continue;
    const auto [u2, z2] = draw();
    EXPECT_TRUE(u.equal(u2));
    EXPECT_TRUE(at::allclose(z, z2, 1e-5, 1e-6));
  }
  numeric::set_simd_target(before);
}

}  // namespace
}  // namespace vinci::deep
