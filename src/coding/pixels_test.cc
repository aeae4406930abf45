#include "coding/pixels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "coding/distributions.h"
#include "coding/strict_math.h"
#include "numeric/random/random_stream.h"

namespace vinci::coding {
namespace {

using numeric::RandomStream;

struct Case {
  const char* name;
  size_t components;
};
constexpr Case kCases[] = {
    {"bernoulli", 1}, {"beta-binomial", 1}, {"logistic-mixture", 1}, {"logistic-mixture", 5}};

/// Outputs of n pixels, from calm to wild, some of them not finite.
std::vector<float> outputs(RandomStream& random, const PixelLikelihood& pixels, size_t n,
                           double scale) {
  std::vector<float> out(n * pixels.outputs_per_pixel());
  for (float& o : out) o = static_cast<float>(scale * random.normal());
  return out;
}

TEST(Pixels, KnowsTheNames) {
  EXPECT_EQ(make_pixel_likelihood("gaussian", 1), nullptr);
  EXPECT_EQ(make_pixel_likelihood("logistic-mixture", 0), nullptr);
  EXPECT_EQ(make_pixel_likelihood("logistic-mixture", 101), nullptr);
  EXPECT_EQ(make_pixel_likelihood("logistic-mixture", 3)->outputs_per_pixel(), 9u);
}

TEST(Pixels, QuantisedMassesSumToOneAndAreTheMasses) {
  RandomStream random(1);
  for (const Case& c : kCases) {
    const auto pixels = make_pixel_likelihood(c.name, c.components);
    const uint32_t levels = pixels->column().size;
    for (int n = 0; n < 40; ++n) {
      const auto out = outputs(random, *pixels, 1, n % 2 == 0 ? 1 : 3);
      const auto row = pixels->row(out);
      double sum = 0;
      double exact = 0;
      double divergence = 0;  // in bits
      for (uint32_t v = 0; v < levels; ++v) {
        const uint32_t symbol[] = {v};
        const double q = std::exp2(-row->bits(symbol));
        const double p = std::exp2(-pixels->bits(out, symbol));
        sum += q;
        exact += p;
        if (p > 0) divergence += p * std::log2(p / q);
      }
      EXPECT_NEAR(sum, 1, 1e-9) << c.name;
      EXPECT_NEAR(exact, 1, 1e-9) << c.name;
      EXPECT_GT(divergence, -1e-9);
      EXPECT_LT(divergence, 3e-5) << c.name;  // 512 of 2^26 slots are given away
    }
  }
}

TEST(Pixels, AreTheNamedDistributions) {
  RandomStream random(2);
  const auto binomial = make_pixel_likelihood("beta-binomial", 1);
  const auto logistic = make_pixel_likelihood("logistic-mixture", 2);
  for (int n = 0; n < 20; ++n) {
    const auto out = outputs(random, *binomial, 1, 2);
    const auto shape = [](float o) { return std::exp(12 * std::tanh(o / 12.0)); };
    const auto table = beta_binomial_table(255, shape(out[0]), shape(out[1]), 24);
    const auto mixed = outputs(random, *logistic, 1, 1);
    const double first = 1 / (1 + std::exp(mixed[1] - mixed[0]));
    const LogisticComponent components[] = {
        {first, (mixed[2] + 1) * 127.5, std::exp(mixed[4]) * 127.5},
        {1 - first, (mixed[3] + 1) * 127.5, std::exp(mixed[5]) * 127.5}};
    const auto levels = discretised_logistic_table(components, 0, 255, 28);
    for (uint32_t v = 0; v < 256; ++v) {
      const uint32_t symbol[] = {v};
      EXPECT_NEAR(std::exp2(-binomial->bits(out, symbol)), std::exp2(-table.bits(v)), 2e-5);
      EXPECT_NEAR(std::exp2(-logistic->bits(mixed, symbol)), std::exp2(-levels.bits(v)), 2e-5);
    }
  }
}

// Whatever a network says, every level has a place on the stack and comes back.
TEST(Pixels, AnyOutputsCodeEveryLevel) {
  RandomStream random(3);
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const float wild[] = {0, -1e30F, 1e30F, kInf, -kInf, NAN, 50, -50, 12.5F, -1e-30F};
  for (const Case& c : kCases) {
    const auto pixels = make_pixel_likelihood(c.name, c.components);
    const uint32_t levels = pixels->column().size;
    for (int n = 0; n < 60; ++n) {
      // One pixel for each level, so that all of them are coded at once.
      auto out = outputs(random, *pixels, levels, n % 3 == 0 ? 30 : 3);
      for (float& o : out)
        if (random.integer(4) == 0) o = wild[random.integer(std::size(wild))];
      const auto row = pixels->row(out);
      std::vector<uint32_t> symbols(levels);
      for (uint32_t v = 0; v < levels; ++v) symbols[v] = n % 2 == 0 ? v : levels - 1 - v;
      AnsStack stack(7);
      stack.push_bits(12345, 40);
      const AnsState before = stack.state();
      row->push(stack, symbols);
      EXPECT_TRUE(std::isfinite(row->bits(symbols)));
      std::vector<uint32_t> back(levels);
      row->pop(stack, back);
      ASSERT_EQ(back, symbols) << c.name;
      EXPECT_EQ(stack.state().words, before.words);
      // And popping first draws levels that exist.
      row->pop(stack, back);
      for (const uint32_t v : back) EXPECT_LT(v, levels);
      row->push(stack, back);
      EXPECT_EQ(stack.state().head, before.head);
    }
  }
}

}  // namespace
}  // namespace vinci::coding
