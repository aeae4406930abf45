// Symmetries that q does not have, and densities at points, which they are found by.
#include "conjugate/symmetry.h"

#include <fmt/format.h>

#include <atomic>

#include "conjugate/testing/fitted.h"

namespace vinci::conjugate {
namespace {

Symmetries symmetries_of(const std::string& text, const std::string& json, uint64_t seed = 1) {
  Fitted f(text, json, {.seed = seed});
  EXPECT_TRUE(f.ok()) << f.misfit() << f.diagnostics();
  if (!f.ok()) return {};
  const Network& network = f.model().network;
  EXPECT_TRUE(network.has_density());
  return find_symmetries(
      f.model(), [&](std::span<const double> x) { return network.log_density(x); }, 3);
}

const char* const kTwoGroups = R"({"N": 12, "y": [-3.1, -2.8, -3.3, -2.6, -3.0, -2.9,
    3.2, 2.7, 3.1, 2.9, 3.4, 2.5]})";

std::string mixture(const std::string& prior, int states = 2) {
  return fmt::format(R"(data {{ int N; vector[N] y; }}
    parameters {{ simplex[{0}] theta; vector[{0}] mu; array[N] int<lower=1, upper={0}> z; }}
    model {{ theta ~ dirichlet(rep_vector(2, {0})); {1} z ~ categorical(theta);
      for (n in 1:N) y[n] ~ normal(mu[z[n]], 0.5); }})",
                     states, prior);
}

TEST(Symmetry, EqualPriorsLeaveTheLabelsArbitrary) {
  const Symmetries s = symmetries_of(mixture("mu ~ normal(0, 5);"), kTwoGroups);
  ASSERT_EQ(s.equal.size(), 1u);
  EXPECT_TRUE(s.rivals.empty());
  EXPECT_EQ(describe(s.equal[0]), "labels of states 1, 2 of `z`");
  EXPECT_NEAR(s.equal[0].log_modes, std::log(2.0), 1e-12);
  EXPECT_EQ(s.equal[0].moves, std::vector<char>(16, 1));  // theta, mu and z
}

// Priors that tell the components apart leave the exchanged mode without mass; such as hardly do,
// leave it with the mass that is to be computed from them.
TEST(Symmetry, AsymmetricPriorsCountByTheMassOfTheOtherMode) {
  const Symmetries none =
      symmetries_of(mixture("mu[1] ~ normal(-3, 0.5); mu[2] ~ normal(3, 0.5);"), kTwoGroups);
  EXPECT_TRUE(none.equal.empty());
  EXPECT_TRUE(none.rivals.empty());
  // Exchanged, mu about (3, -3): -(3 - m)^2 / 2 twice against -(3 + m)^2 / 2 twice, that is -12 m.
  const Symmetries rival =
      symmetries_of(mixture("mu[1] ~ normal(-0.1, 1); mu[2] ~ normal(0.1, 1);"), kTwoGroups);
  EXPECT_TRUE(rival.equal.empty());
  ASSERT_EQ(rival.rivals.size(), 1u);
  EXPECT_NEAR(std::abs(rival.rivals[0]), 1.2, 0.15);
}

// Three states of which the priors treat two alike.
TEST(Symmetry, ClassesOfStates) {
  const Symmetries s = symmetries_of(
      mixture("mu[1] ~ normal(-3, 5); mu[2] ~ normal(40, 1); mu[3] ~ normal(-3, 5);", 3),
      R"({"N": 8, "y": [-3.1, -2.8, -3.3, 40.2, 39.5, 3.2, 2.7, 3.1]})");
  ASSERT_EQ(s.equal.size(), 1u);
  EXPECT_EQ(s.equal[0].states, (std::vector<int64_t>{1, 3}));
}

// The means of components follow hyperparameters of their own, which have to be exchanged too.
TEST(Symmetry, HyperparametersOfComponents) {
  const Symmetries s = symmetries_of(
      R"(data { int N; vector[N] y; }
    parameters { vector[2] m; vector[2] mu; array[N] int<lower=1, upper=2> z; real a; }
    model { m ~ normal(0, 5); mu ~ normal(m, 1); z ~ categorical([0.5, 0.5]'); a ~ normal(0, 1);
      for (n in 1:N) y[n] ~ normal(mu[z[n]], 0.5); })",
      kTwoGroups);
  ASSERT_EQ(s.equal.size(), 1u);
  const std::vector<char>& moves = s.equal[0].moves;
  EXPECT_TRUE(moves[0] && moves[1] && moves[2] && moves[3]);
  EXPECT_FALSE(moves.back());  // a
}

TEST(Symmetry, ChainsAndTheirTransitions) {
  const auto text = [](const char* prior) {
    return fmt::format(R"(data {{ int N; vector[N] y; }}
    parameters {{ array[2] simplex[2] A; vector[2] mu; array[N] int<lower=1, upper=2> z; }}
    model {{ {} mu ~ normal(0, 5); z[1] ~ categorical([0.5, 0.5]');
      for (n in 2:N) z[n] ~ categorical(A[z[n - 1]]);
      for (n in 1:N) y[n] ~ normal(mu[z[n]], 0.5); }})",
                       prior);
  };
  const Symmetries s =
      symmetries_of(text("A[1] ~ dirichlet([3, 1]'); A[2] ~ dirichlet([1, 3]');"), kTwoGroups);
  ASSERT_EQ(s.equal.size(), 1u);
  EXPECT_TRUE(
      symmetries_of(text("A[1] ~ dirichlet([3, 1]'); A[2] ~ dirichlet([3, 1]');"), kTwoGroups)
          .equal.empty());
}

// The data say nothing of the components: q is the prior, in both orders.
TEST(Symmetry, WhatQCoversIsNoModeOfItsOwn) {
  const Symmetries s = symmetries_of(
      R"(data { int N; vector[N] y; }
    parameters { simplex[2] theta; vector[2] mu; array[N] int<lower=1, upper=2> z; }
    model { theta ~ dirichlet([2, 2]'); mu ~ normal(0, 5); z ~ categorical(theta);
      for (n in 1:N) y[n] ~ normal(0 * mu[z[n]], 0.5); })",
      R"({"N": 3, "y": [0.1, -0.2, 0.3]})");
  EXPECT_TRUE(s.equal.empty());
  EXPECT_TRUE(s.rivals.empty());
}

// Counts as products of two positive matrices: the factors can be exchanged, and have no signs.
TEST(Symmetry, OrderOfPositiveFactors) {
  const Symmetries s = symmetries_of(R"(data { int I; int J; array[I, J] int y; }
    parameters { matrix<lower=0>[I, 2] W; matrix<lower=0>[2, J] H; }
    model { to_vector(W) ~ gamma(1, 1); to_vector(H) ~ gamma(1, 0.1);
      for (i in 1:I) for (j in 1:J) y[i, j] ~ poisson(W[i] * H[, j]); })",
                                     R"({"I": 4, "J": 3,
      "y": [[40, 1, 2], [1, 30, 25], [35, 0, 1], [2, 45, 30]]})");
  ASSERT_EQ(s.equal.size(), 1u);
  EXPECT_EQ(describe(s.equal[0]), "order of the factors `W`, `H`");
  EXPECT_NEAR(s.equal[0].log_modes, std::log(2.0), 1e-12);
}

// What ends the search ends it with the next density; what was found until then is not all.
TEST(Symmetry, EndsWithItsTimeAndWhenCancelled) {
  Fitted f(mixture("mu ~ normal(0, 5);", 4), kTwoGroups);
  ASSERT_TRUE(f.ok()) << f.misfit();
  int64_t densities = 0;
  const LeafDensity counted = [&](std::span<const double> x) {
    ++densities;
    return f.model().network.log_density(x);
  };
  const Symmetries all = find_symmetries(f.model(), counted, 3);
  EXPECT_TRUE(all.is_complete);
  EXPECT_GT(densities, 4);
  densities = 0;
  const Symmetries none = find_symmetries(f.model(), counted, 3, -1);
  EXPECT_FALSE(none.is_complete);
  EXPECT_TRUE(none.equal.empty() && none.rivals.empty());
  EXPECT_EQ(densities, 0);
  std::atomic<bool> cancel{false};
  Context context;
  context.cancel = &cancel;
  const LeafDensity cancelling = [&](std::span<const double> x) {
    if (++densities == 3) cancel = true;
    return f.model().network.log_density(x);
  };
  EXPECT_FALSE(find_symmetries(f.model(), cancelling, 3, 1e300, context).is_complete);
  EXPECT_EQ(densities, 3);
}

TEST(Symmetry, SignsAndOrderOfFactors) {
  const char* const text = R"(data { int N; int J; matrix[N, J] Y; }
    parameters { matrix[N, 2] U; matrix[2, J] V; }
    model { to_vector(U) ~ normal(0, 1); to_vector(V) ~ normal(0, 1);
      to_vector(Y) ~ normal(to_vector(U * V), 0.1); })";
  const Symmetries s = symmetries_of(text, R"({"N": 4, "J": 3,
      "Y": [[2, 1, -1], [-1.5, 0.5, 2], [0.5, -2, 1], [1, 1, 1.5]]})");
  ASSERT_EQ(s.equal.size(), 2u);
  EXPECT_EQ(describe(s.equal[0]), "signs of `U`, `V`");
  EXPECT_NEAR(s.equal[0].log_modes, 2 * std::log(2.0), 1e-12);
  EXPECT_EQ(describe(s.equal[1]), "order of the factors `U`, `V`");
  // A prior on one side of zero tells the signs apart.
  const Symmetries pinned = symmetries_of(
      R"(parameters { real a; real c; } model { a ~ normal(3, 0.1); c ~ normal(0, 1);
      6 ~ normal(a * c, 0.1); })",
      "{}");
  EXPECT_TRUE(pinned.equal.empty());
  EXPECT_TRUE(pinned.rivals.empty());
}

}  // namespace
}  // namespace vinci::conjugate
