#include "coding/strict_network.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "numeric/random/random_stream.h"
#include "numeric/simd/target.h"

namespace vinci::coding {
namespace {

using numeric::RandomStream;

std::vector<float> normals(RandomStream& random, size_t n, double scale) {
  std::vector<float> values(n);
  for (float& v : values) v = static_cast<float>(scale * random.normal());
  return values;
}

struct Layers {
  std::vector<size_t> widths;
  std::vector<std::vector<float>> weights, biases;

  StrictNetwork network(StrictActivation activation) const {
    std::vector<StrictLayer> layers;
    for (size_t l = 0; l < weights.size(); ++l) layers.emplace_back(weights[l], biases[l]);
    return {std::move(layers), activation};
  }
};

Layers random_layers(RandomStream& random, std::vector<size_t> widths) {
  Layers out{std::move(widths), {}, {}};
  for (size_t l = 1; l < out.widths.size(); ++l) {
    const auto inputs = static_cast<double>(out.widths[l - 1]);
    out.weights.push_back(
        normals(random, out.widths[l] * out.widths[l - 1], 1 / std::sqrt(inputs)));
    out.biases.push_back(normals(random, out.widths[l], 0.3));
  }
  return out;
}

TEST(StrictNetwork, ActivationsAreTheFunctions) {
  for (double x = -40; x <= 40; x += 0.37) {
    const auto f = static_cast<float>(x);
    const double d = f;
    EXPECT_NEAR(strict_activate(f, StrictActivation::kTanh), std::tanh(d), 1e-7);
    EXPECT_EQ(strict_activate(f, StrictActivation::kRelu), std::max(f, 0.0F));
    EXPECT_FLOAT_EQ(strict_activate(f, StrictActivation::kLeakyRelu), f > 0 ? f : 0.3F * f);
    EXPECT_NEAR(strict_activate(f, StrictActivation::kSoftplus), std::log1p(std::exp(d)),
                1e-7 * (1 + std::fabs(d)));
    EXPECT_NEAR(strict_activate(f, StrictActivation::kElu), d > 0 ? d : std::expm1(d),
                1e-7 * (1 + std::fabs(d)));
  }
  StrictActivation activation{};
  EXPECT_TRUE(strict_activation_named("softplus", activation));
  EXPECT_EQ(activation, StrictActivation::kSoftplus);
  EXPECT_FALSE(strict_activation_named("gelu", activation));
}

TEST(StrictNetwork, IsTheNetworkInDoublePrecision) {
  RandomStream random(1);
  const Layers layers = random_layers(random, {70, 33, 64, 5});
  const StrictNetwork network = layers.network(StrictActivation::kTanh);
  for (int n = 0; n < 20; ++n) {
    std::vector<float> x = normals(random, 70, 1);
    for (size_t i = 0; i < x.size(); i += 3) x[i] = 0;
    std::vector<double> value(x.begin(), x.end());
    for (size_t l = 0; l < layers.weights.size(); ++l) {
      std::vector<double> next(layers.biases[l].begin(), layers.biases[l].end());
      for (size_t j = 0; j < next.size(); ++j)
        for (size_t i = 0; i < value.size(); ++i)
          next[j] += static_cast<double>(layers.weights[l][j * value.size() + i]) * value[i];
      if (l + 1 < layers.weights.size())
        for (double& v : next) v = std::tanh(v);
      value = next;
    }
    const std::vector<float> y = network(x);
    ASSERT_EQ(y.size(), 5u);
    for (size_t j = 0; j < y.size(); ++j) EXPECT_NEAR(y[j], value[j], 3e-6);
  }
}

// The promise that files rest on: sums in one order, no fused operations, whatever the width.
TEST(StrictNetwork, SameBitsOnEveryTarget) {
  const auto before = numeric::simd_target();
  RandomStream random(2);
  const Layers layers = random_layers(random, {301, 131, 77});
  const StrictNetwork network = layers.network(StrictActivation::kSoftplus);
  for (int n = 0; n < 50; ++n) {
    const std::vector<float> x = normals(random, 301, std::exp(random.normal()));
    // The order of sums, in single precision, spelled out.
    std::vector<float> expected = x;
    for (size_t l = 0; l < layers.weights.size(); ++l) {
      std::vector<float> next = layers.biases[l];
      for (size_t j = 0; j < next.size(); ++j) {
        for (size_t i = 0; i < expected.size(); ++i) {
          volatile float product = layers.weights[l][j * expected.size() + i] * expected[i];
          next[j] = next[j] + product;
        }
        if (l == 0) next[j] = strict_activate(next[j], StrictActivation::kSoftplus);
      }
      expected = next;
    }
    for (const auto target : {numeric::SimdTarget::kBaseline, numeric::SimdTarget::kAvx2,
                              numeric::SimdTarget::kAvx512}) {
      if (!numeric::set_simd_target(target)) continue;
      ASSERT_EQ(network(x), expected);
    }
  }
  numeric::set_simd_target(before);
}

}  // namespace
}  // namespace vinci::coding
