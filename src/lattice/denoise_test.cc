// Likelihoods of bytes, learning of noise and coupling, pictures of known noise.
#include "lattice/denoise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "lattice/onsager.h"
#include "lattice/palette.h"
#include "vinci/error.h"

namespace vinci::lattice {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(Noise, NormalIntervalsFarOut) {
  // By quadrature of the density with 10^5 midpoints.
  for (const auto& [a, b] :
       {std::pair{-0.3, 0.4}, {5.0, 5.5}, {-8.2, -8.0}, {28.0, 30.5}, {40.0, 40.1}}) {
    double sum = 0;
    const double shift = std::min(std::abs(a), std::abs(b));
    const int points = 100'000;
    for (int i = 0; i < points; ++i) {
      const double x = a + (b - a) * (i + 0.5) / points;
      sum += std::exp(-0.5 * (x * x - shift * shift));
    }
    const double expected = std::log(sum * (b - a) / points) - 0.5 * shift * shift -
                            0.5 * std::log(2 * 3.14159265358979323846);
    EXPECT_NEAR(log_normal_interval(a, b), expected, 1e-6) << a;
    EXPECT_NEAR(log_normal_interval(-b, -a), expected, 1e-6) << a;
  }
  EXPECT_EQ(log_normal_interval(-kInf, kInf), 0);
  EXPECT_NEAR(log_normal_interval(-kInf, 0), std::log(0.5), 1e-15);
}

TEST(Noise, BytesOfALevelHaveProbabilityOne) {
  for (const double sigma : {0.25, 3.0, 40.0, 900.0}) {
    const Noise noise = Noise::gaussian({-20, 128, 255}, 1, sigma);
    for (int level = 0; level < 3; ++level) {
      double sum = 0;
      for (int byte = 0; byte < 256; ++byte) sum += std::exp(noise.log_likelihood(level, 0, byte));
      EXPECT_NEAR(sum, 1, 1e-12);
    }
  }
  const Noise flip = Noise::flip(4, 0.3);
  double sum = 0;
  for (int byte = 0; byte < 4; ++byte) sum += std::exp(flip.log_likelihood(2, 0, byte));
  EXPECT_NEAR(sum, 1, 1e-14);
}

/// A disc of level 1 on level 0.
std::vector<uint8_t> disc(int size) {
  std::vector<uint8_t> bytes;
  const double middle = 0.45 * size, radius = 0.3 * size;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x)
      bytes.push_back(std::hypot(x - middle, y - middle) < radius ? 255 : 0);
  }
  return bytes;
}

TEST(Noise, MaximisingFindsTheParametersOfWeightedBytes) {
  // Counts that are the likelihood itself: their maximiser is what made them.
  const Noise truth = Noise::gaussian({20, 190}, 1, 60);
  ByteCounts counts(1, 2);
  for (int level = 0; level < 2; ++level) {
    for (int byte = 0; byte < 256; ++byte)
      counts.at(0, level, byte) = 1000 * std::exp(truth.log_likelihood(level, 0, byte));
  }
  Noise noise = Noise::gaussian({60, 140}, 1, 25);
  double sum = noise.expected_log_likelihood(counts);
  for (int i = 0; i < 60; ++i) {
    noise.maximise(counts, true);
    const double next = noise.expected_log_likelihood(counts);
    EXPECT_GE(next, sum - 1e-9 * std::abs(sum));
    sum = next;
  }
  // A third of level 0 is clipped to black, and is used for what it is.
  EXPECT_NEAR(noise.value(0, 0), 20, 0.1);
  EXPECT_NEAR(noise.value(1, 0), 190, 0.1);
  EXPECT_NEAR(noise.sigma(), 60, 0.1);
  Noise flip = Noise::flip(2, 0.1);
  ByteCounts flips(1, 2);
  flips.at(0, 0, 0) = 50;
  flips.at(0, 0, 1) = 30;
  flips.at(0, 1, 1) = 20;
  flip.maximise(flips, false);
  EXPECT_NEAR(flip.flip_probability(), 0.3, 1e-12);
}

TEST(Noise, SplitLevelsFindsClusters) {
  std::vector<double> counts(256, 0.0);
  counts[10] = counts[12] = 5;
  counts[100] = 3;
  counts[240] = counts[244] = 1;
  const std::vector<double> values = split_levels(counts, 3);
  EXPECT_NEAR(values[0], 11, 1e-9);
  EXPECT_NEAR(values[1], 100, 1e-9);
  EXPECT_NEAR(values[2], 242, 1e-9);
}

TEST(Pictures, AddedNoiseIsWhatWasAskedFor) {
  const std::vector<uint8_t> clean = disc(200);
  const Pixels pixels{200, 200, 1, clean.data()};
  const auto flipped = add_noise(pixels, NoiseKind::kFlip, 0.2, 2, 0, 255, 7);
  size_t changed = 0;
  for (size_t i = 0; i < clean.size(); ++i) changed += flipped[i] != clean[i] ? 1 : 0;
  // 40,000 pixels: three standard deviations are 0.006.
  EXPECT_NEAR(static_cast<double>(changed) / 40'000, 0.2, 0.006);
  const auto normal = add_noise(pixels, NoiseKind::kGaussian, 1, 2, 100, 150, 7);
  double sum = 0, square = 0;
  for (size_t i = 0; i < clean.size(); ++i) {
    const double off = normal[i] - (clean[i] != 0 ? 150.0 : 100.0);
    sum += off;
    square += off * off;
  }
  EXPECT_NEAR(sum / 40'000, 0, 0.4);
  EXPECT_NEAR(std::sqrt(square / 40'000), 25, 0.3);
  EXPECT_EQ(add_noise(pixels, NoiseKind::kGaussian, 1, 2, 100, 150, 7), normal);
  EXPECT_NE(add_noise(pixels, NoiseKind::kGaussian, 1, 2, 100, 150, 8), normal);
}

TEST(Pictures, ErrorsAndPsnr) {
  EXPECT_EQ(error_rate({0, 1, 1, 0}, {0, 1, 0, 0}), 0.25);
  EXPECT_EQ(psnr({0, 255}, {0, 255}), kInf);
  EXPECT_NEAR(psnr({0, 255}, {0, 0}), 10 * std::log10(2), 1e-12);
  const std::vector<uint8_t> grey = {10, 20, 200, 210};
  EXPECT_EQ(labels_of(Pixels{4, 1, 1, grey.data()}, {0, 255}), (std::vector<uint8_t>{0, 0, 1, 1}));
  const std::vector<uint8_t> rgb = {250, 0, 0, 0, 0, 240, 0, 0, 1};
  EXPECT_EQ(labels_of(Pixels{3, 1, 3, rgb.data()}, {0, 0, 0, 0, 0, 255, 255, 0, 0}),
            (std::vector<uint8_t>{2, 1, 0}));
}

TEST(Pictures, PalettesOfFewAndOfManyColours) {
  std::vector<uint8_t> rgb;
  for (int i = 0; i < 300; ++i) {
    const bool red = i % 3 != 0;
    rgb.insert(rgb.end(), {static_cast<uint8_t>(red ? 200 : 10), static_cast<uint8_t>(i % 2),
                           static_cast<uint8_t>(red ? 0 : 90)});
  }
  const Pixels image{300, 1, 3, rgb.data()};
  EXPECT_TRUE(has_few_colours(image, 4));
  EXPECT_FALSE(has_few_colours(image, 3));
  const std::vector<double> two = cluster_colours(image, 2);  // the darker one first
  EXPECT_NEAR(two[0], 10, 1e-9);
  EXPECT_NEAR(two[1], 0.5, 1e-9);
  EXPECT_NEAR(two[3], 200, 1e-9);
  EXPECT_EQ(most_frequent_colours(image, 4).size(), 12U);
}

DenoiseResult denoised(const std::vector<uint8_t>& noisy, int size, const DenoiseOptions& options,
                       std::vector<double>* bounds = nullptr) {
  numeric::ThreadPool pool(2);
  return denoise({size, size, 1, noisy.data()}, options, pool, {}, [&](const DenoiseStep& step) {
    if (bounds != nullptr) bounds->push_back(step.elbo);
  });
}

TEST(Denoise, UnknownNoiseIsLearnedAndTheBoundNeverFalls) {
  const int size = 150;
  const std::vector<uint8_t> clean = disc(size);
  const Pixels pixels{size, size, 1, clean.data()};
  const std::vector<uint8_t> labels = labels_of(pixels, {0, 255});
  {
    const auto noisy = add_noise(pixels, NoiseKind::kGaussian, 1.5, 2, 100, 155, 3);
    std::vector<double> bounds;
    const DenoiseResult result = denoised(noisy, size, {}, &bounds);
    EXPECT_TRUE(result.converged);
    EXPECT_EQ(result.noise_kind, NoiseKind::kGaussian);
    EXPECT_NEAR(result.noise_value, 1.5, 0.06);
    EXPECT_NEAR(result.level_values[0], 100, 2);
    EXPECT_NEAR(result.level_values[1], 155, 2);
    EXPECT_LT(error_rate(result.labels, labels), 0.01);
    EXPECT_GT(error_rate(result.labels_alone, labels), 0.2);
    // The start is not a fixed point of the E step; from then on E and M steps only climb.
    for (size_t i = 1; i < bounds.size(); ++i)
      EXPECT_GE(bounds[i], bounds[i - 1] - 1e-7 * std::abs(bounds[i - 1])) << i;
  }
  const auto noisy = add_noise(pixels, NoiseKind::kFlip, 0.25, 2, 30, 200, 3);
  const DenoiseResult result = denoised(noisy, size, {});
  EXPECT_EQ(result.noise_kind, NoiseKind::kFlip);
  EXPECT_NEAR(result.noise_value, 0.25, 0.01);
  EXPECT_LT(error_rate(result.labels, labels), 0.01);
}

TEST(Denoise, LearnedCouplingMatchesTheCorrelationOfThePicture) {
  const int size = 150;
  const std::vector<uint8_t> clean = disc(size);
  const auto noisy = add_noise({size, size, 1, clean.data()}, NoiseKind::kFlip, 0.1, 2, 0, 255, 3);
  DenoiseOptions options;
  options.learn_coupling = true;
  const DenoiseResult result = denoised(noisy, size, options);
  EXPECT_TRUE(result.converged);
  EXPECT_GT(result.coupling, critical_coupling(2));
  // The bound with the prior's constant is comparable between couplings: neighbours of the learned
  // one have less.
  const double learned = result.elbo - result.prior_constant;
  for (const double factor : {0.7, 1.6}) {
    DenoiseOptions fixed;
    fixed.coupling = factor * result.coupling;
    const DenoiseResult other = denoised(noisy, size, fixed);
    EXPECT_LT(other.elbo - other.prior_constant, learned) << factor;
  }
}

TEST(Denoise, OptionsAreChecked) {
  DenoiseOptions options;
  options.coupling = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(options.validate(), Error);
  options = {};
  options.noise = NoiseKind::kFlip;
  options.noise_value = 0.5;
  EXPECT_THROW(options.validate(), Error);
  options = {};
  options.tolerance = -1;
  EXPECT_THROW(options.validate(), Error);
  options = {};
  EXPECT_NO_THROW(options.validate());
}

TEST(Denoise, CancelledRunsReturnWhatTheyHave) {
  const std::vector<uint8_t> clean = disc(64);
  std::atomic<bool> stop{true};
  Context context;
  context.cancel = &stop;
  numeric::ThreadPool pool(1);
  const DenoiseResult result = denoise({64, 64, 1, clean.data()}, {}, pool, context);
  EXPECT_TRUE(result.cancelled);
  EXPECT_EQ(result.sweeps, 0);
  EXPECT_EQ(result.labels.size(), clean.size());
  EXPECT_EQ(result.verdict, DenoiseResult::Verdict::kBad);
}

}  // namespace
}  // namespace vinci::lattice
