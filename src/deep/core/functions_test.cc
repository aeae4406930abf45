#include "deep/core/functions.h"

#include <gtest/gtest.h>

#include "deep/core/kernels.h"
#include "deep/core/noise.h"

namespace vinci::deep {
namespace {

Noise noise(1, NoiseStream::kTraining, 0);

double largest_difference(const Tensor& a, const Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST(BernoulliLogDensity, FusedEqualsTheFormulaInValueAndDerivatives) {
  for (const int64_t dim : {1, 16, 19, 784}) {
    const Tensor x = noise.bernoulli(at::full({5, dim}, 0.4));
    // Far out too: saturated logits must not overflow.
    const Tensor logits = (noise.normal({3, 5, dim}) * 20).set_requires_grad(true);
    const Tensor l = logits.detach().to(at::kDouble).set_requires_grad(true);
    const Tensor exact = (x.to(at::kDouble) * l - at::softplus(l)).sum(-1);
    const Tensor fused = bernoulli_log_density(logits, x);
    ASSERT_EQ(fused.sizes(), exact.sizes());
    EXPECT_LT(largest_difference(fused, exact), 1e-6 * static_cast<double>(dim) * 10);
    const Tensor weight = noise.normal({3, 5});
    const Tensor g = gradients_of((fused * weight).sum(), {logits}, true)[0];
    const Tensor h = gradients_of((exact * weight).sum(), {l}, true)[0];
    EXPECT_LT(largest_difference(g, h), 1e-6);
    // The gradient can be differentiated: that of sum (dv/dl)^2.
    const Tensor second = gradients_of(g.square().sum(), {logits})[0];
    const Tensor exact_second = gradients_of(h.square().sum(), {l})[0];
    EXPECT_LT(largest_difference(second, exact_second), 1e-5);
  }
}

TEST(BernoulliLogDensity, RelaxedDataHaveAGradient) {
  const Tensor logits = noise.normal({4, 7});
  const Tensor x = noise.uniform({4, 7}).set_requires_grad(true);
  const Tensor g = gradients_of(bernoulli_log_density(logits, x).sum(), {x})[0];
  EXPECT_LT(largest_difference(g, logits), 1e-6);
}

TEST(NormalKl, AddsUpOverCoordinatesAndEqualsItsMonteCarloMean) {
  const Tensor mean = noise.normal({1, 6}), log_scale = noise.normal({1, 6}) * 0.3;
  const Tensor kl = standard_normal_kl(mean, log_scale);
  double sum = 0;
  for (int64_t d = 0; d < 6; ++d)
    sum += standard_normal_kl(mean.slice(1, d, d + 1), log_scale.slice(1, d, d + 1)).item<double>();
  EXPECT_NEAR(kl.item<double>(), sum, 1e-5);
  EXPECT_NEAR(kl.item<double>(),
              normal_kl(mean, log_scale, at::zeros({6}), at::zeros({6})).item<double>(), 1e-5);
  const Tensor z = mean + log_scale.exp() * noise.normal({200000, 6});
  const Tensor terms = normal_log_density(z, mean, log_scale) - standard_normal_log_density(z);
  const double error = terms.std().item<double>() / std::sqrt(200000.0);
  EXPECT_NEAR(terms.mean().item<double>(), kl.item<double>(), 5 * error);
}

TEST(ScaleGradient, MultipliesWhatPassesBack) {
  const Tensor a = at::ones({2, 3}).set_requires_grad(true);
  const Tensor x = a * 2;
  const auto scale = scale_gradient(x);
  const Tensor y = (x * x).sum();
  *scale = at::full({2, 1}, 0.5);
  EXPECT_LT(largest_difference(gradients_of(y, {a})[0], at::full({2, 3}, 4.0)), 1e-6);
}

// One step by the formulas of the paper: m = 0.1 g, v = 0.001 g^2, so that the step is the sign of
// g.
TEST(AdamKernel, FirstStepHasTheSizeOfTheRate) {
  std::vector<float> p(37, 1.0f), g(37), m(37), v(37);
  for (size_t i = 0; i < g.size(); ++i) g[i] = static_cast<float>(i) - 18.0f;
  const float root2 = std::sqrt(0.001f);
  const AdamStep step{0.01f * root2 / 0.1f, 0.9f, 0.999f, 0.0f, 0.0f, 2.0f};
  VINCI_SIMD_SELECT(adam)(p.data(), g.data(), m.data(), v.data(), 37, step);
  for (size_t i = 0; i < g.size(); ++i) {
    if (i == 18) continue;  // 0 / 0
    EXPECT_NEAR(p[i], 1 - (i < 18 ? -0.01 : 0.01), 1e-6);
    EXPECT_NEAR(m[i], 0.1 * 2 * g[i], 1e-5);
    EXPECT_NEAR(v[i], 0.001 * 4 * g[i] * g[i], 1e-4);
  }
}

}  // namespace
}  // namespace vinci::deep
