// The laws of posterior.h, and what the families reach where the exact posterior is known.
#include "deep/models/posterior.h"

#include <gtest/gtest.h>

#include "deep/core/functions.h"
#include "deep/core/optimizer.h"
#include "deep/models/bound.h"

namespace vinci::deep {
namespace {

using Values = std::vector<std::pair<const char*, const char*>>;

struct Family {
  Values values;
  int64_t latent = 3;
  Parameters parameters{at::kCPU};
  std::unique_ptr<Posterior> posterior;

  explicit Family(const Values& given, int64_t latent_variables = 3)
      : values(given), latent(latent_variables) {
    Config config;
    config.declare(posterior_settings());
    const Setting activation = activation_setting();
    config.declare({&activation, 1});
    for (const auto& [name, value] : given) config.set(name, value);
    Noise initial(1, NoiseStream::kInitial, 0);
    posterior = make_posterior(config, latent, parameters, initial);
    Parameters other(at::kCPU);
    Linear last(other, "last", 4, posterior->num_outputs(), ParameterGroup::kInference, initial);
    posterior->start(last);
    // Steps of a flow away from where they start, near the identity.
    WithoutGradient scope;
    for (Tensor value : parameters.trained()) value.add_(initial.normal(value.sizes()), 0.5);
  }
  /// The numbers of a flow in double precision from now on.
  void double_precision() {
    for (Tensor value : parameters.trained()) value.set_data(value.to(at::kDouble));
  }
  /// Outputs of a network for `count` examples.
  Tensor outputs(int64_t count) const {
    Noise noise(5, NoiseStream::kTraining, 0);
    return noise.normal({count, posterior->num_outputs()}) * 0.5;
  }
  std::string name() const {
    std::string text;
    for (const auto& [setting, value] : values) text += std::string(setting) + " " + value + " ";
    return text + std::to_string(latent);
  }
};

std::vector<std::pair<Values, int64_t>> families() {
  return {{{{"posterior", "diagonal"}}, 3},
          {{{"posterior", "full"}}, 3},
          {{{"posterior", "full"}}, 1},
          {{{"posterior", "flow"}, {"flow-hidden", "7,5"}, {"flow-context", "2"}}, 3},
          {{{"posterior", "flow"}, {"flow-hidden", ""}, {"flow-steps", "3"}}, 4},
          {{{"posterior", "flow"}, {"flow-hidden", "6"}, {"flow-steps", "2"}}, 1}};
}

/// dz / deps of one draw of one example, [L, L].
Tensor jacobian(const Posterior& posterior, const Tensor& outputs, const Tensor& eps) {
  const int64_t latent = eps.size(-1);
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < latent; ++i) {
    const Tensor at_eps = eps.detach().clone().set_requires_grad(true);
    const Tensor z = posterior.draw(outputs, at_eps).z.reshape({-1})[i];
    rows.push_back(gradients_of(z, {at_eps})[0].reshape({-1}));
  }
  return at::stack(rows);
}

// log q(z) = log N(eps) - log |det dz / deps|, at its draws and, where it is known, everywhere.
TEST(Posterior, DensityIsThatOfItsDraws) {
  for (const auto& [values, latent] : families()) {
    Family family(values, latent);
    family.double_precision();
    Noise noise(2, NoiseStream::kTraining, 0);
    const Tensor outputs = family.outputs(2).to(at::kDouble);
    const Tensor eps = noise.normal({3, 2, latent}).to(at::kDouble);
    const auto [z, log_q] = family.posterior->draw(outputs, eps);
    for (int64_t k = 0; k < 3; ++k)
      for (int64_t b = 0; b < 2; ++b) {
        const Tensor one = eps[k][b].reshape({1, 1, latent});
        const Tensor own = jacobian(*family.posterior, outputs.slice(0, b, b + 1), one);
        const double log_det = own.det().abs().log().item<double>();
        const double expected = standard_normal_log_density(one).item<double>() - log_det;
        EXPECT_NEAR(log_q[k][b].item<double>(), expected, 1e-9) << family.name();
      }
    if (family.posterior->knows_density()) {
      EXPECT_TRUE(family.posterior->log_density(outputs, z).allclose(log_q, 1e-9, 1e-9))
          << family.name();
    }
    EXPECT_EQ(family.posterior->knows_density(), std::string(values[0].second) != "flow");
  }
}

TEST(Posterior, GradientsAreThoseOfFiniteDifferences) {
  for (const auto& [values, latent] : families()) {
    Family family(values, latent);
    family.double_precision();
    Noise noise(3, NoiseStream::kTraining, 0);
    Tensor outputs = family.outputs(2).to(at::kDouble).set_requires_grad(true);
    const Tensor eps = noise.normal({2, 2, latent}).to(at::kDouble);
    const Tensor a = noise.normal({2, 2, latent}), b = noise.normal({2, 2});
    std::vector<Tensor> all = family.parameters.trained();
    all.push_back(outputs);
    const auto value = [&] {
      const auto [z, log_q] = family.posterior->draw(outputs, eps);
      return (a * z).sum() + (b * log_q).sum();
    };
    const auto gradients = gradients_of(value(), all);
    std::vector<Tensor> direction;
    double expected = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      direction.push_back(noise.normal(all[i].sizes()));
      ASSERT_TRUE(gradients[i].defined()) << family.name() << " " << i;
      expected += (direction[i] * gradients[i]).sum().item<double>();
    }
    const auto moved = [&](double t) {
      WithoutGradient scope;
      for (size_t i = 0; i < all.size(); ++i) all[i].add_(direction[i], t);
      const double result = value().item<double>();
      for (size_t i = 0; i < all.size(); ++i) all[i].sub_(direction[i], t);
      return result;
    };
    constexpr double kStep = 1e-3;
    const double numeric =
        (8 * (moved(kStep) - moved(-kStep)) - (moved(2 * kStep) - moved(-2 * kStep))) /
        (12 * kStep);
    EXPECT_NEAR(numeric, expected, 1e-7 * (1 + std::abs(expected))) << family.name();
  }
}

TEST(FullNormal, DivergenceIsThatOfItsDrawsAndOfADiagonalOne) {
  const Family full({{"posterior", "full"}}, 4), diagonal({{"posterior", "diagonal"}}, 4);
  const Tensor outputs = full.outputs(3);
  Noise noise(4, NoiseStream::kTraining, 0);
  constexpr int64_t kDraws = 100000;
  const auto [z, log_q] = full.posterior->draw(outputs, noise.normal({kDraws, 3, 4}));
  const Tensor terms = (log_q - standard_normal_log_density(z)).to(at::kDouble);
  const Tensor error = terms.std(0) / std::sqrt(static_cast<double>(kDraws));
  const Tensor off = (terms.mean(0) - full.posterior->kl(outputs)) / error;
  EXPECT_LT(off.abs().max().item<double>(), 4.5);

  const Tensor first = outputs.slice(1, 0, 8);
  const Tensor uncorrelated = at::cat({first, at::zeros({3, 6})}, 1);
  EXPECT_TRUE(full.posterior->kl(uncorrelated).allclose(diagonal.posterior->kl(first)));
  EXPECT_TRUE(full.posterior->log_density(uncorrelated, z)
                  .allclose(diagonal.posterior->log_density(first, z), 1e-4, 1e-4));
}

// A variable sees those before it and no others; the context reaches all.
TEST(InverseAutoregressiveFlow, StepsAreTriangularInAlternatingOrder) {
  constexpr int64_t kLatent = 5;
  Noise noise(4, NoiseStream::kTraining, 0);
  const Tensor eps = noise.normal({1, 1, kLatent});
  const Family one({{"posterior", "flow"}, {"flow-steps", "1"}, {"flow-hidden", "20,20"}}, kLatent);
  const Tensor first = jacobian(*one.posterior, one.outputs(1), eps);
  EXPECT_TRUE(first.equal(first.tril()));
  EXPECT_EQ(first.ne(0).sum().item<int64_t>(), kLatent * (kLatent + 1) / 2);
  const Family two({{"posterior", "flow"}, {"flow-steps", "2"}, {"flow-hidden", "20,20"}}, kLatent);
  EXPECT_EQ(jacobian(*two.posterior, two.outputs(1), eps).ne(0).sum().item<int64_t>(),
            kLatent * kLatent);

  const Tensor outputs = one.outputs(1);
  Tensor other = outputs.clone();
  other.slice(1, 2 * kLatent, 2 * kLatent + 1).add_(1);
  const Tensor moved = one.posterior->draw(other, eps).z - one.posterior->draw(outputs, eps).z;
  EXPECT_TRUE(moved.ne(0).all().item<bool>());
}

/// z ~ N(0, I), x | z ~ N(W z, 0.5^2 I): the posterior is normal and correlated.
struct LinearModel {
  Tensor weights, x;
  double evidence = 0;
  double mean_field_gap = 0;

  LinearModel() {
    Noise noise(8, NoiseStream::kData, 0);
    weights = noise.normal({5, 3});
    x = noise.normal({1, 5});
    const Tensor w = weights.to(at::kDouble), y = x[0].to(at::kDouble);
    const Tensor covariance = at::matmul(w, w.t()) + 0.25 * at::eye(5, at::kDouble);
    evidence = -0.5 * (5 * kLogTwoPi + covariance.logdet().item<double>() +
                       y.dot(at::matmul(covariance.inverse(), y)).item<double>());
    // The best diagonal normal has the precision's diagonal and the posterior's mean.
    const Tensor precision = at::eye(3, at::kDouble) + at::matmul(w.t(), w) / 0.25;
    mean_field_gap = 0.5 * (precision.diagonal().log().sum() - precision.logdet()).item<double>();
  }
  Tensor log_joint(const Tensor& z) const {
    const Tensor fit =
        normal_log_density(x, at::matmul(z, weights.t()), at::full({1}, std::log(0.5)));
    return fit + standard_normal_log_density(z);
  }
  /// Log weights of many draws of the q that `steps` steps of Adam find, [k].
  Tensor fitted(Family& family, Bound bound, int64_t steps) const {
    family.parameters.add("outputs", family.outputs(1), ParameterGroup::kInference);
    const Tensor outputs = family.parameters.trained().back();
    Config config;
    config.declare(optimizer_settings());
    const auto adam = make_optimizer(config, family.parameters);
    for (int64_t step = 0; step < steps; ++step) {
      Noise noise(6, NoiseStream::kTraining, static_cast<uint64_t>(step));
      auto [z, log_q] = family.posterior->draw(outputs, noise.normal({20, 1, 3}));
      if (detaches_q(bound)) log_q = family.posterior->log_density(outputs.detach(), z);
      Tensor value;
      const Tensor loss = bound_loss(bound, log_joint(z) - log_q, {}, value);
      const double rate = 0.05 * (1 - static_cast<double>(step) / static_cast<double>(steps));
      const auto& all = family.parameters.trained();
      adam->step(gradients_of(loss, all), std::vector<double>(all.size(), rate), 1);
    }
    WithoutGradient scope;
    Noise noise(7, NoiseStream::kEvaluation, 0);
    const auto [z, log_q] = family.posterior->draw(outputs, noise.normal({50000, 1, 3}));
    return (log_joint(z) - log_q).squeeze(1).to(at::kDouble);
  }
};

TEST(LinearGaussianModel, FullReachesTheExactPosteriorAndDiagonalLosesItsCorrelations) {
  const LinearModel model;
  ASSERT_GT(model.mean_field_gap, 0.3);
  // Sticking the landing has no noise at the exact posterior, where every weight is p(x).
  Family full(Values{{"posterior", "full"}});
  const Tensor exact = model.fitted(full, Bound::kElboStl, 1500);
  EXPECT_LT((exact - model.evidence).abs().max().item<double>(), 0.01);

  Family diagonal(Values{{"posterior", "diagonal"}});
  const Tensor weights = model.fitted(diagonal, Bound::kElbo, 1500);
  const double error = weights.std().item<double>() / std::sqrt(50000.0);
  // What noise is left in the parameters costs little: the bound is flat at its top.
  EXPECT_NEAR(weights.mean().item<double>(), model.evidence - model.mean_field_gap,
              4 * error + 0.02);

  Family flow(
      {{"posterior", "flow"}, {"flow-steps", "2"}, {"flow-hidden", "20"}, {"flow-context", "2"}});
  const Tensor transformed = model.fitted(flow, Bound::kElbo, 2000);
  EXPECT_LT(model.evidence - transformed.mean().item<double>(), 0.3 * model.mean_field_gap);
}

}  // namespace
}  // namespace vinci::deep
