// Programs with discrete parameters through the public interface: their states by name, and the
// ways in which they are handled.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "vinci/error.h"
#include "vinci/fit.h"

namespace vinci {
namespace {

/// y given the state, y = 1: the posterior of z is p_k exp(-(1 - m_k)^2 / 2), and of mu with it.
constexpr const char* kThreeStates = R"(parameters { real mu; int<lower=0, upper=2> z; }
model {
  mu ~ normal(0, 1);
  if (z == 0) target += log(0.2); else if (z == 1) target += log(0.3); else target += log(0.5);
  1.0 ~ normal(mu + z, 1);
})";

/// p(z | y): y - z is N(0, sqrt 2).
std::vector<double> state_posterior() {
  std::vector<double> p{0.2, 0.3, 0.5};
  double sum = 0;
  for (size_t k = 0; k < 3; ++k) {
    const double d = 1.0 - static_cast<double>(k);
    sum += p[k] *= std::exp(-d * d / 4);
  }
  for (double& x : p) x /= sum;
  return p;
}

TEST(DiscreteParameters, StatesByName) {
  const Model model(Program::from_text(kThreeStates), Data());
  EXPECT_FALSE(model.is_joint());
  EXPECT_EQ(model.dim(), 1);
  ASSERT_EQ(model.variables().size(), 2u);
  EXPECT_FALSE(model.variables()[0].is_discrete);
  EXPECT_TRUE(model.variables()[1].is_discrete);
  const Fit f = fit(model, {.draws = 2000});
  const Summary& z = f.summary("z");
  ASSERT_EQ(z.probabilities.size(), 3u);
  EXPECT_EQ(z.first_state, 0);
  const std::vector<double> exact = state_posterior();
  const std::vector<double> draws = f.draws()["z"];
  for (size_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(z.probabilities[k], exact[k], 0.02);
    const auto count = std::count(draws.begin(), draws.end(), static_cast<double>(k));
    EXPECT_NEAR(static_cast<double>(count) / 2000, exact[k], 0.05);
  }
  EXPECT_TRUE(f.summary("mu").probabilities.empty());
}

// With the states left in, the density is the joint one, and q has a factor of them.
TEST(DiscreteParameters, LeftInTheDensity) {
  const Model model(Program::from_text(kThreeStates), Data(), {.discrete = "z=local"});
  EXPECT_TRUE(model.is_joint());
  ASSERT_EQ(model.dim(), 2);
  EXPECT_EQ(model.unconstrained_names(), (std::vector<std::string>{"mu", "z"}));
  const std::vector<double> point{0.3, 2};
  std::vector<double> value(1);
  model.evaluate({point.data(), 2, 1, 1}, value, {nullptr, 0, 0, 0});
  const double log_2pi = std::log(2 * std::numbers::pi);
  EXPECT_NEAR(value[0], std::log(0.5) - log_2pi - 0.3 * 0.3 / 2 - 1.3 * 1.3 / 2, 1e-12);
  const Fit f = fit(model, {.draws = 1000});
  ASSERT_EQ(f.summary("z").probabilities.size(), 3u);
  EXPECT_EQ(f.draws().shape("z"), std::vector<std::int64_t>{});
  EXPECT_EQ(f.draws()["z"].size(), 1000u);
}

// Pairs of 16 states each with each: no elimination is affordable, and the fit goes on without.
TEST(DiscreteParameters, WhatCannotBeSummedOutIsSampled) {
  const Model model(Program::from_text(R"(parameters { array[12] int<lower=1, upper=16> z; }
    model { for (i in 1:12) for (j in 1:(i - 1)) target += -0.01 * square(z[i] - z[j]); })"),
                    Data());
  EXPECT_TRUE(model.is_joint());
  EXPECT_EQ(model.dim(), 12);
  const Fit f = fit(model, {.draws = 200, .budget_seconds = 5});
  ASSERT_EQ(f.summary("z[12]").probabilities.size(), 16u);
}

TEST(DiscreteParameters, CoordinateAscentWithoutElimination) {
  const Program program = Program::from_text(R"(data { int N; vector[N] y; }
    parameters { vector[2] mu; array[N] int<lower=1, upper=2> z; }
    model { mu[1] ~ normal(-3, 1); mu[2] ~ normal(3, 1); z ~ categorical([0.5, 0.5]');
      for (n in 1:N) y[n] ~ normal(mu[z[n]], 1); })");
  Data data;
  data.set("N", 4).set("y", std::vector<double>{-3.2, -2.5, 0.1, 3.3});
  const Fit ascent = fit(Model(program, data, {.discrete = "z=cavi"}), {.draws = 4000});
  const Fit eliminated = fit(Model(program, data), {.draws = 4000, .method = "bam"});
  EXPECT_EQ(ascent.family(), "product of conjugate distributions");
  for (int n = 1; n <= 4; ++n) {
    const std::string z = "z[" + std::to_string(n) + "]";
    EXPECT_NEAR(ascent.summary(z).probabilities[0], eliminated.summary(z).probabilities[0], 0.03);
  }
  EXPECT_NEAR(ascent.log_evidence().value, eliminated.log_evidence().value, 0.05);
}

TEST(DiscreteParameters, UnknownWays) {
  const Program program = Program::from_text(kThreeStates);
  EXPECT_THROW(Model(program, Data(), {.discrete = "z=guess"}), InputError);
  EXPECT_THROW(Model(program, Data(), {.discrete = "w=local"}), InputError);
}

}  // namespace
}  // namespace vinci
