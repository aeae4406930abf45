#include "numeric/random/philox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace vinci::numeric {
namespace {

using Words = std::array<uint32_t, 4>;

// The known answers published with the Random123 library (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  constexpr uint32_t kOnes = 0xffffffffu;
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Words{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  EXPECT_EQ(
      philox4x32({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}),
      (Words{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(Philox, FillsDoNotDependOnTiling) {
  const RandomKey key{0x123456789abcdefULL, 7};
  constexpr std::ptrdiff_t kRows = 5, kLanes = 45;
  std::vector<double> whole(kRows * kLanes);
  fill_normal(key, 3, 0, kRows, kLanes, whole.data(), kLanes);
  std::vector<double> tiled(kRows * kLanes);
  for (std::ptrdiff_t first = 0; first < kLanes; first += 7) {
    fill_normal(key, 3, static_cast<uint32_t>(first), kRows,
                std::min<std::ptrdiff_t>(7, kLanes - first), tiled.data() + first, kLanes);
  }
  EXPECT_EQ(whole, tiled);
  // Fewer rows are a prefix of more rows; other keys and steps give other numbers.
  std::vector<double> other(kLanes);
  fill_normal(key, 3, 0, 1, kLanes, other.data(), kLanes);
  EXPECT_TRUE(std::equal(other.begin(), other.end(), whole.begin()));
  for (const auto& [k, step] :
       {std::pair{RandomKey{key.seed, 8}, 3u}, {RandomKey{1, 7}, 3u}, {key, 4u}}) {
    fill_normal(k, step, 0, 1, kLanes, other.data(), kLanes);
    for (std::ptrdiff_t l = 0; l < kLanes; ++l) {
      EXPECT_NE(other[static_cast<size_t>(l)], whole[static_cast<size_t>(l)]);
    }
  }
  // The scalar reference, at one place: row 2, lane 21.
  const Words w = philox4x32({1, 21, 3, 7}, {0x89abcdefu, 0x01234567u});
  EXPECT_EQ(whole[2 * kLanes + 21],
            normal_quantile(uniform_from_bits(static_cast<uint64_t>(w[1]) << 32 | w[0])));
}

TEST(Philox, UniformStaysInsideAndIsSymmetric) {
  EXPECT_GT(uniform_from_bits(0), 0);
  EXPECT_LT(uniform_from_bits(~0ULL), 1);
  EXPECT_EQ(1 - uniform_from_bits(~0ULL), uniform_from_bits(0));
}

TEST(NormalQuantile, InvertsTheDistributionFunction) {
  for (double z = -37; z <= 8; z += 0.0625) {
    const double p = 0.5 * std::erfc(-z / std::sqrt(2.0));
    // d quantile / d p = 1 / density: the rounding of p alone moves z by eps p / density.
    const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * M_PI);
    const double rounding = z > 0 ? 2.3e-16 / density : 0;
    EXPECT_NEAR(normal_quantile(p), z, 1e-13 * std::max(1.0, std::abs(z)) + 4 * rounding) << z;
  }
  EXPECT_EQ(normal_quantile(0.5), 0);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-15);
  EXPECT_NEAR(normal_quantile(1e-300), -37.047096299361192, 1e-12);
  EXPECT_EQ(normal_quantile(0), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(normal_quantile(1), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(normal_quantile(-0.1)));
  EXPECT_TRUE(std::isnan(normal_quantile(1.1)));
  EXPECT_TRUE(std::isnan(normal_quantile(std::nan(""))));
}

// One million numbers: bounds are 5 standard errors, of which all together fail by chance once in
// 3e5 seeds.
TEST(FillNormal, Moments) {
  constexpr std::ptrdiff_t kRows = 1000, kLanes = 1000;
  constexpr double kCount = 1e6;
  std::vector<double> z(kRows * kLanes);
  fill_normal({42, 0}, 0, 0, kRows, kLanes, z.data(), kLanes);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, neighbour = 0, below = 0;
  for (size_t i = 0; i < z.size(); ++i) {
    m1 += z[i];
    m2 += z[i] * z[i];
    m3 += std::pow(z[i], 3);
    m4 += std::pow(z[i], 4);
    if (i > 0) neighbour += z[i] * z[i - 1];
    below += z[i] < -3 ? 1 : 0;
  }
  const double root = std::sqrt(kCount);
  EXPECT_NEAR(m1 / kCount, 0, 5 / root);
  EXPECT_NEAR(m2 / kCount, 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(m3 / kCount, 0, 5 * std::sqrt(15.0) / root);
  EXPECT_NEAR(m4 / kCount, 3, 5 * std::sqrt(96.0) / root);
  EXPECT_NEAR(neighbour / kCount, 0, 5 / root);
  EXPECT_NEAR(below / kCount, 0.0013498980316301, 5 * std::sqrt(0.00135) / root);
}

}  // namespace
}  // namespace vinci::numeric
