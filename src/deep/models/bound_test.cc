// The bounds and their gradients on a model whose evidence is known: z ~ N(0, 1), x | z ~ N(z, 1),
// so that x ~ N(0, 2), with q = N(mean, scale^2).
#include "deep/models/bound.h"

#include <gtest/gtest.h>

#include "deep/core/noise.h"

namespace vinci::deep {
namespace {

constexpr double kX = 1.3;

struct Draws {
  Tensor parameters = at::tensor({0.2f, -0.1f}).set_requires_grad(true);  // mean, log scale of q
  Tensor decoder = at::tensor({0.4f}).set_requires_grad(true);            // shift of x | z
  Tensor log_weights;
  std::vector<std::shared_ptr<Tensor>> scales;

  Draws(Bound bound, int64_t k, int64_t count, Noise& noise) {
    const Tensor mean = parameters[0].expand({count, 1}),
                 log_scale = parameters[1].expand({count, 1});
    const Tensor z = mean + log_scale.exp() * noise.normal({k, count, 1});
    if (bound == Bound::kIwaeDreg) scales.push_back(scale_gradient(z));
    const Tensor log_q = detaches_q(bound)
                             ? normal_log_density(z, mean.detach(), log_scale.detach())
                             : normal_log_density(z, mean, log_scale);
    log_weights = standard_normal_log_density(z) +
                  normal_log_density(at::full({1}, kX), z + decoder, at::zeros({1})) - log_q;
  }
};

/// Mean gradient (mean, log scale, decoder) over `repeats` batches, and its standard error.
std::pair<Tensor, Tensor> gradient(Bound bound, int64_t k, uint64_t seed) {
  constexpr int64_t kRepeats = 400, kBatch = 500;
  std::vector<Tensor> all;
  for (uint64_t r = 0; r < kRepeats; ++r) {
    Noise noise(seed, NoiseStream::kTraining, r);
    Draws draws(bound, k, kBatch, noise);
    Tensor value;
    const Tensor loss = bound_loss(bound, draws.log_weights, draws.scales, value);
    const auto g = gradients_of(loss, {draws.parameters, draws.decoder});
    all.push_back(at::cat({g[0], g[1]}));
  }
  const Tensor stacked = at::stack(all).to(at::kDouble);
  return {stacked.mean(0), stacked.std(0) / std::sqrt(static_cast<double>(kRepeats))};
}

double largest_z(const std::pair<Tensor, Tensor>& a, const std::pair<Tensor, Tensor>& b) {
  return ((a.first - b.first).abs() / (a.second.square() + b.second.square()).sqrt())
      .max()
      .item<double>();
}

TEST(BoundGradients, StickingTheLandingIsUnbiasedForTheElbo) {
  EXPECT_LT(largest_z(gradient(Bound::kElbo, 3, 1), gradient(Bound::kElboStl, 3, 2)), 4);
}

TEST(BoundGradients, DoublyReparameterisedIsUnbiasedForTheImportanceWeightedBound) {
  const auto plain = gradient(Bound::kIwae, 5, 1);
  const auto doubly = gradient(Bound::kIwaeDreg, 5, 2);
  EXPECT_LT(largest_z(plain, doubly), 4);
  // and less noisy in the parameters of q.
  EXPECT_LT(doubly.second[0].item<double>(), 0.7 * plain.second[0].item<double>());
  // Sticking the landing alone is biased here.
  EXPECT_GT(largest_z(plain, gradient(Bound::kIwaeStl, 5, 3)), 6);
}

// L_k is non-decreasing in k, starts at the ELBO and tends to log p(x).
TEST(ImportanceWeightedBound, LecturesE2RisesFromTheElboToTheEvidence) {
  WithoutGradient scope;
  const double shift = kX - 0.4;
  const double evidence = -0.5 * std::log(2 * M_PI * 2) - shift * shift / 4;
  double before = -1e9;
  for (const int64_t k : {1, 2, 5, 20, 500}) {
    Noise noise(9, NoiseStream::kEvaluation, static_cast<uint64_t>(k));
    Draws draws(Bound::kIwae, k, 200000 / k, noise);
    Tensor value;
    bound_loss(Bound::kIwae, draws.log_weights, {}, value);
    const double bound = value.mean().item<double>();
    const double error = value.std().item<double>() / std::sqrt(static_cast<double>(value.numel()));
    EXPECT_GT(bound, before - 4 * error) << k;
    EXPECT_LT(bound, evidence + 4 * error) << k;
    if (k == 1) {
      // E[log p(x, z) - log q(z)] in closed form for this q.
      const double mean = 0.2, variance = std::exp(-0.2);
      const double elbo = -0.5 * (mean * mean + variance) - std::log(2 * M_PI) -
                          0.5 * ((shift - mean) * (shift - mean) + variance) +
                          0.5 * std::log(2 * M_PI * M_E * variance);
      EXPECT_NEAR(bound, elbo, 4 * error);
    }
    if (k == 500) {
      EXPECT_NEAR(bound, evidence, 0.005);
    }
    before = bound;
  }
}

}  // namespace
}  // namespace vinci::deep
