#include "infer/variational_objectives.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "infer/dense.h"
#include "infer/estimator/estimator.h"
#include "infer/family/mean_field_normal_family.h"
#include "infer/method/stochastic_vi.h"
#include "infer/testing/targets.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

const Context kContext;

// LecturesA1. z in {0, 1, 2} with prior (1/2, 1/4, 1/4) and likelihood (0.9, 0.2, 0.05) of the
// datum; q = (5, 2, 1) / 8, so that eight equally weighted draws are the whole expectation.
TEST(VariationalObjectives, LecturesA1ThreeFormsOfTheElboAgree) {
  const std::vector<double> prior = {0.5, 0.25, 0.25}, likelihood = {0.9, 0.2, 0.05};
  const std::vector<double> q = {0.625, 0.25, 0.125};
  const std::vector<size_t> draws = {0, 0, 0, 0, 0, 1, 1, 2};
  double evidence = 0;
  for (size_t z = 0; z < 3; ++z) evidence += prior[z] * likelihood[z];
  std::vector<double> log_joint, log_likelihood, log_prior, log_posterior, log_q;
  double kl_to_prior = 0;
  for (size_t z = 0; z < 3; ++z) kl_to_prior += q[z] * std::log(q[z] / prior[z]);
  for (const size_t z : draws) {
    log_likelihood.push_back(std::log(likelihood[z]));
    log_prior.push_back(std::log(prior[z]));
    log_joint.push_back(std::log(prior[z] * likelihood[z]));
    log_posterior.push_back(std::log(prior[z] * likelihood[z] / evidence));
    log_q.push_back(std::log(q[z]));
  }
  const double energy = elbo_from_energy(log_joint, discrete_entropy(q)).value;
  EXPECT_NEAR(elbo_from_reconstruction(log_likelihood, kl_to_prior).value, energy, 1e-12);
  EXPECT_NEAR(elbo_from_reconstruction(log_likelihood, log_prior, log_q).value, energy, 1e-12);
  EXPECT_NEAR(elbo_from_evidence(std::log(evidence), log_posterior, log_q).value, energy, 1e-12);
  EXPECT_NEAR(tempered_elbo(log_joint, log_q, 1).value, energy, 1e-12);
  EXPECT_LT(energy, std::log(evidence));
}

// LecturesA2: what each part alone leads to. Prior N(0, 1), one datum x = 2 of N(z, 1): the maximum
// of the posterior is at 1, of the likelihood at 2.
TEST(VariationalObjectives, LecturesA2PartsOfTheBoundAlone) {
  const testing::PointDensity prior(1, [](const std::vector<double>& z, std::vector<double>& g) {
    g[0] = -z[0];
    return testing::log_normal_density(z[0], 0, 1);
  });
  const testing::PointDensity likelihood(1,
                                         [](const std::vector<double>& z, std::vector<double>& g) {
                                           g[0] = 2 - z[0];
                                           return testing::log_normal_density(2, z[0], 1);
                                         });
  const testing::PointDensity joint(1, [](const std::vector<double>& z, std::vector<double>& g) {
    g[0] = 2 - 2 * z[0];
    return testing::log_normal_density(z[0], 0, 1) + testing::log_normal_density(2, z[0], 1);
  });
  const MeanFieldNormalFamily family(1);
  const auto fit = [&](const LogDensity& density, double entropy_weight) {
    Objective objective(density, kContext);
    StochasticViOptions options;
    options.start = {0.5, 0.3};
    options.max_iterations = 1000;
    options.window = 2000;  // no plateau: the rate stays
    options.average = false;
    // Where q can equal p, the estimator that has no noise there.
    const EstimatorPtr e = entropy_weight > 0
                               ? sticking_the_landing_estimator({})
                               : pathwise_estimator({.entropy_weight = entropy_weight});
    return stochastic_vi(objective, family, *e, *adam(0.05), options, {1, 1}).last;
  };
  const auto map = fit(joint, 0), mle = fit(likelihood, 0), kl = fit(prior, 1);
  EXPECT_NEAR(map[0], 1, 0.02);
  EXPECT_LT(map[1], -3);  // contracts to a point
  EXPECT_NEAR(mle[0], 2, 0.02);
  EXPECT_LT(mle[1], -3);
  EXPECT_NEAR(kl[0], 0, 0.02);
  EXPECT_NEAR(kl[1], 0, 0.02);
  // The entropy of a point mass is 0, not NaN.
  EXPECT_EQ(discrete_entropy(std::vector<double>{0, 1, 0}), 0);
}

// LecturesA4: KL(q || p~) of the unnormalised p~ = Z p is KL(q || p) - log Z = -ELBO.
TEST(VariationalObjectives, LecturesA4UnnormalisedDivergenceIsMinusTheElbo) {
  const MeanFieldNormal q({0.3, -1}, {0.7, 1.2}), p({1, 0}, {1.5, 0.6});
  constexpr double kLogZ = 4.2;
  const Index n = 100'000;
  Matrix z(2, n);
  Vector log_q(n), log_p(n);
  q.draw({1, 2}, 3, 0, mutable_lanes(z), span_of(log_q));
  p.log_q(lanes_of(z), span_of(log_p));
  const Vector unnormalised = log_p.array() + kLogZ;
  const diagnose::Estimate elbo = elbo_from_energy(span_of(unnormalised), q.entropy());
  EXPECT_NEAR(-elbo.value, kl_divergence(q, p) - kLogZ, 5 * elbo.error);
  EXPECT_LT(elbo.error, 0.02);
}

// LecturesA5.
TEST(VariationalObjectives, LecturesA5FactorisedDivergencesAddUp) {
  const std::vector<double> mean = {0.3, -1, 2}, sd = {0.7, 1.2, 0.1};
  const std::vector<double> other_mean = {0, 0.5, 2.1}, other_sd = {1, 1, 0.3};
  const MeanFieldNormal q(mean, sd), p(other_mean, other_sd);
  double sum = 0, entropy = 0;
  std::vector<double> q_factor(9), p_factor(9);
  for (size_t i = 0; i < 3; ++i) {
    sum += kl_divergence(MeanFieldNormal({mean[i]}, {sd[i]}),
                         MeanFieldNormal({other_mean[i]}, {other_sd[i]}));
    entropy += std::log(sd[i]) + 0.5 * std::log(2 * std::numbers::pi * std::numbers::e);
    q_factor[4 * i] = sd[i];
    p_factor[4 * i] = other_sd[i];
  }
  EXPECT_NEAR(kl_divergence(q, p), sum, 1e-13);
  EXPECT_NEAR(kl_divergence(FullRankNormal(mean, q_factor), FullRankNormal(other_mean, p_factor)),
              sum, 1e-13);
  EXPECT_NEAR(q.entropy(), entropy, 1e-13);
  // O(D): a million coordinates need no matrix of 8 TB.
  const MeanFieldNormal large(std::vector<double>(1'000'000, 0.0),
                              std::vector<double>(1'000'000, std::exp(1.0)));
  EXPECT_NEAR(large.entropy(), 1e6 * (1 + 0.5 * std::log(2 * std::numbers::pi * std::numbers::e)),
              1e-5);
}

// LecturesA6, for p = N(0, 1) and q = N(0.5, 1.3^2): weights are bounded, log evidence is 0. With
// the same draws L_k does not decrease along k, 2k, 4k, ... (Jensen, group by group: no tolerance).
TEST(VariationalObjectives, LecturesA6ImportanceWeightedBoundsRise) {
  const MeanFieldNormal q({0.5}, {1.3}), p({0}, {1});
  const Index n = 1 << 16;
  Matrix z(1, n);
  Vector log_q(n), log_p(n);
  q.draw({1, 2}, 3, 0, mutable_lanes(z), span_of(log_q));
  p.log_q(lanes_of(z), span_of(log_p));
  const Vector ratios = log_p - log_q;
  const diagnose::Estimate first = importance_weighted_bound(span_of(ratios), 1);
  EXPECT_NEAR(first.value, -kl_divergence(q, p), 5 * first.error);
  double last = first.value;
  for (Index k = 2; k <= 4096; k *= 2) {
    const double bound = importance_weighted_bound(span_of(ratios), k).value;
    EXPECT_GE(bound, last - 1e-12) << k;
    last = bound;
  }
  const diagnose::Estimate large = importance_weighted_bound(span_of(ratios), 1024);
  EXPECT_NEAR(large.value, 0, 0.01);
  EXPECT_THROW(importance_weighted_bound(span_of(ratios), 0), Error);
  EXPECT_THROW(importance_weighted_bound(span_of(ratios), n + 1), Error);
  // A draw of zero density is a weight of zero.
  const std::vector<double> with_zero = {0, -std::numeric_limits<double>::infinity()};
  EXPECT_NEAR(importance_weighted_bound(with_zero, 2).value, std::log(0.5), 1e-15);
  EXPECT_EQ(importance_weighted_bound(with_zero, 1).value,
            -std::numeric_limits<double>::infinity());
}

// For q = N(0, 1.3^2), p = N(0, 1): E_q[(p/q)^a] is a Gaussian integral, 1.3^a / (1.3 sqrt(v)) with
// v = a + (1 - a) / 1.69.
TEST(VariationalObjectives, RenyiAndChiBoundsBracketTheEvidence) {
  const MeanFieldNormal q({0}, {1.3}), p({0}, {1});
  const Index n = 100'000;
  Matrix z(1, n);
  Vector log_q(n), log_p(n);
  q.draw({1, 2}, 3, 0, mutable_lanes(z), span_of(log_q));
  p.log_q(lanes_of(z), span_of(log_p));
  const Vector ratios = log_p - log_q;
  const auto exact = [](double a) {
    return ((a - 1) * std::log(1.3) - 0.5 * std::log(a + (1 - a) / 1.69)) / a;
  };
  for (const double alpha : {0.5, 0.0, -1.0}) {
    const BiasedEstimate e = renyi_bound(span_of(ratios), alpha);
    EXPECT_NEAR(e.value, exact(1 - alpha), 5 * e.error) << alpha;
    EXPECT_LT(e.bias, 0);
    EXPECT_GT(e.bias, -e.error);
  }
  EXPECT_EQ(cubo(span_of(ratios)).value, renyi_bound(span_of(ratios), -1).value);
  EXPECT_LT(renyi_bound(span_of(ratios), 0.5).value, 0);
  EXPECT_GT(cubo(span_of(ratios)).value, 0);
  // Near alpha = 1: the ELBO.
  EXPECT_NEAR(renyi_bound(span_of(ratios), 1 - 1e-6).value, ratios.mean(), 1e-5);
  EXPECT_THROW(renyi_bound(span_of(ratios), 1), Error);
}

// E_q |grad log p - grad log q|^2 for normals of the same mean: sum_i s_i^2 (1/s_i^2 - 1/t_i^2)^2.
TEST(VariationalObjectives, FisherDivergenceOfNormals) {
  const MeanFieldNormalFamily family(2);
  const std::vector<double> q = {0, 0, std::log(0.5), std::log(2)}, p = {0, 0, 0, 0};
  const Index n = 100'000;
  Matrix z(2, n), of_p(2, n), of_q(2, n);
  Vector log_q(n);
  family.at(q)->draw({1, 2}, 3, 0, mutable_lanes(z), span_of(log_q));
  family.log_q_gradient(q, lanes_of(z), mutable_lanes(of_q));
  family.log_q_gradient(p, lanes_of(z), mutable_lanes(of_p));
  const diagnose::Estimate e = fisher_divergence(lanes_of(of_p), lanes_of(of_q));
  EXPECT_NEAR(e.value, 0.25 * 9 + 4 * 0.5625, 5 * e.error);
  EXPECT_EQ(fisher_divergence(lanes_of(of_q), lanes_of(of_q)).value, 0);
}

}  // namespace
}  // namespace vinci::infer
