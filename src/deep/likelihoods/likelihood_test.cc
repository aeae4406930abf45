// The laws of likelihoods: masses and densities sum to 1, `sample` and `mean` are those of
// log_density, gradients are its derivatives.
#include "deep/likelihoods/likelihood.h"

#include <gtest/gtest.h>

namespace vinci::deep {
namespace {

class LikelihoodLaws : public testing::TestWithParam<const char*> {
 protected:
  LikelihoodLaws() {
    config_.declare(likelihood_settings());
    config_.set("likelihood", GetParam());
    config_.set("components", "3");
    likelihood_ = make_likelihood(config_, parameters_);
  }
  /// Outputs of `values` values, [values of 1 image], far and near ones.
  Tensor outputs(int64_t values, double spread, uint64_t seed = 3) const {
    Noise noise(seed, NoiseStream::kSampling, 0);
    return noise.normal({1, likelihood_->outputs_per_value() * values}) * spread;
  }
  bool is_density() const { return std::string(GetParam()) == "gaussian"; }
  bool is_binary() const { return std::string(GetParam()) == "bernoulli"; }

  /// The support as values of x, [points], and the weight of a point.
  std::pair<Tensor, double> support() const {
    if (is_binary()) return {at::tensor({0.0f, 1.0f}), 1};
    if (is_density()) return {at::linspace(-3, 4, 70001), 1e-4};
    return {at::arange(256).to(at::kFloat) / 255, 1};
  }
  /// p(x | o) at each point of the support, [points], for the outputs o [P] of one value.
  Tensor masses(const Tensor& one) const {
    const auto [points, weight] = support();
    return likelihood_->log_density(one.expand({points.size(0), -1}), points.unsqueeze(1))
               .to(at::kDouble)
               .exp() *
           weight;
  }
  /// The outputs [P] of value d.
  Tensor one_of(const Tensor& all, int64_t values, int64_t d) const {
    return all.reshape({-1, values}).select(1, d);
  }

  Config config_;
  Parameters parameters_{at::kCPU};
  std::unique_ptr<Likelihood> likelihood_;
};

TEST_P(LikelihoodLaws, MassesSumToOneAndMeanIsTheirMean) {
  WithoutGradient scope;
  constexpr int64_t kValues = 20;
  for (const double spread : {0.3, 3.0, 8.0}) {
    const Tensor all = outputs(kValues, spread);
    const Tensor mean = likelihood_->mean(all);
    for (int64_t d = 0; d < kValues; ++d) {
      const Tensor p = masses(one_of(all, kValues, d));
      EXPECT_NEAR(p.sum().item<double>(), 1, 2e-5) << spread << " " << d;
      const double expected = (p * support().first).sum().item<double>();
      EXPECT_NEAR(mean[0][d].item<double>(), expected, 3e-5) << spread << " " << d;
    }
  }
}

TEST_P(LikelihoodLaws, DrawsHaveTheirMeanAndVariance) {
  WithoutGradient scope;
  constexpr int64_t kValues = 6, kDraws = 20000;
  const Tensor all = outputs(kValues, 1.5);
  Noise noise(11, NoiseStream::kSampling, 1);
  const Tensor draws =
      likelihood_->sample(all.expand({kDraws, -1}).contiguous(), noise).to(at::kDouble);
  ASSERT_EQ(draws.sizes(), (std::vector<int64_t>{kDraws, kValues}));
  for (int64_t d = 0; d < kValues; ++d) {
    const Tensor p = masses(one_of(all, kValues, d));
    const Tensor points = support().first.to(at::kDouble);
    const double mean = (p * points).sum().item<double>();
    const double variance = (p * (points - mean).square()).sum().item<double>();
    const double fourth = (p * (points - mean).pow(4)).sum().item<double>();
    const auto n = static_cast<double>(kDraws);
    const Tensor own = draws.select(1, d);
    // 4.5 standard errors, twelve comparisons of each likelihood.
    EXPECT_NEAR(own.mean().item<double>(), mean, 4.5 * std::sqrt(variance / n) + 1e-5) << d;
    EXPECT_NEAR((own - mean).square().mean().item<double>(), variance,
                4.5 * std::sqrt((fourth - variance * variance) / n) + 1e-5)
        << d;
  }
}

TEST_P(LikelihoodLaws, GradientsAreDerivativesAlsoInTheTails) {
  constexpr int64_t kValues = 12;
  Noise noise(5, NoiseStream::kSampling, 2);
  Tensor x = noise.uniform({1, kValues}).mul(255).round().div(255);
  if (is_binary()) x = x.round();
  x[0][0] = 0;
  x[0][1] = 1;
  for (const double spread : {0.5, 4.0}) {
    Tensor all = outputs(kValues, spread, 8).to(at::kDouble).set_requires_grad(true);
    const Tensor gradient =
        gradients_of(likelihood_->log_density(all, x.to(at::kDouble)).sum(), {all})[0];
    ASSERT_TRUE(gradient.isfinite().all().item<bool>());
    WithoutGradient scope;
    constexpr double kStep = 1e-4;
    for (int64_t i = 0; i < all.size(1); ++i) {
      const auto at_offset = [&](double offset) {
        Tensor moved = all.detach().clone();
        moved[0][i] += offset;
        return likelihood_->log_density(moved, x.to(at::kDouble)).item<double>();
      };
      const double slope = (8 * (at_offset(kStep) - at_offset(-kStep)) -
                            (at_offset(2 * kStep) - at_offset(-2 * kStep))) /
                           (12 * kStep);
      EXPECT_NEAR(gradient[0][i].item<double>(), slope, 1e-5 * (1 + std::fabs(slope))) << i;
    }
  }
  // Outputs far from anything give finite numbers in single precision.
  for (const float far : {-1e4f, 1e4f}) {
    Tensor all = at::full({1, likelihood_->outputs_per_value() * kValues}, far);
    all.set_requires_grad(true);
    const Tensor value = likelihood_->log_density(all, x).sum();
    EXPECT_TRUE(value.isfinite().item<bool>()) << far;
    EXPECT_TRUE(gradients_of(value, {all})[0].isfinite().all().item<bool>()) << far;
  }
}

TEST_P(LikelihoodLaws, StartsAtTheMeanOfTheData) {
  WithoutGradient scope;
  DataShape shape;
  shape.height = shape.width = 3;
  shape.mean = at::tensor({0.0f, 0.02f, 0.1f, 0.3f, 0.5f, 0.7f, 0.9f, 0.99f, 1.0f});
  const Tensor bias = likelihood_->initial_bias(shape);
  ASSERT_EQ(bias.size(0), 9 * likelihood_->outputs_per_value());
  const Tensor mean = likelihood_->mean(bias.unsqueeze(0))[0];
  // The tails of a wide logistic are cut off at black and white.
  EXPECT_LT((mean - shape.mean).abs().max().item<double>(), 0.1);
}

INSTANTIATE_TEST_SUITE_P(All, LikelihoodLaws,
                         testing::Values("bernoulli", "gaussian", "logistic-mixture",
                                         "beta-binomial"));

}  // namespace
}  // namespace vinci::deep
