// The density at soft states: the joint density at weights 0 and 1, linear in each variable's
// weights between.
#include "model/soft_log_density.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "model/blankets.h"
#include "model/model.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::model {
namespace {

std::unique_ptr<Model> build(const std::string& text, bool joint_if_too_costly = false) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  BuildOptions options;
  options.marginalise = joint_if_too_costly;
  options.joint_if_too_costly = joint_if_too_costly;
  auto typed = check::check(syntax::parse(sources.add("m.stan", text), sources, sink), sink);
  if (typed) {
    auto model = Model::build(std::make_shared<const check::TypedProgram>(std::move(*typed)), {},
                              options, sink);
    if (model) return model;
  }
  ADD_FAILURE() << source::render_text(sink, sources);
  return nullptr;
}

const char* const kProgram = R"(
parameters {
  real mu; real<lower=0> s;
  array[3] int<lower=1, upper=3> z;
  int<lower=0, upper=1> b;
}
model {
  mu ~ normal(0, 1); s ~ gamma(2, 1);
  z[1] ~ categorical([0.2, 0.3, 0.5]');
  for (i in 2:3) z[i] ~ categorical(z[i - 1] == 1 ? [0.6, 0.2, 0.2]' : [0.1, 0.4, 0.5]');
  for (i in 1:3) i ~ normal(mu * z[i], s);
  b ~ bernoulli(inv_logit(mu));
  target += 0.7 * b * z[3];
})";

TEST(SoftLogDensity, ExtendsTheJointDensity) {
  const auto model = build(kProgram);
  ASSERT_NE(model, nullptr);
  EXPECT_FALSE(model->is_marginal());
  std::string reason;
  const auto soft = model->soft(reason);
  ASSERT_NE(soft, nullptr) << reason;
  ASSERT_EQ(soft->dim(), 2 + 9 + 2);
  const JointLogDensity& joint = model->joint();
  const auto value_of = [](const LogDensity& density, const std::vector<double>& x) {
    double value = 0;
    density.evaluate({x.data(), density.dim(), 1, 1}, {&value, 1}, {nullptr, 0, 0, 0});
    return value;
  };
  const auto weights_of = [](const std::vector<double>& point) {
    std::vector<double> x = {point[0], point[1]};
    for (size_t m = 2; m < 5; ++m) {
      for (double k = 1; k <= 3; ++k) x.push_back(point[m] == k ? 1 : 0);
    }
    for (double k = 0; k <= 1; ++k) x.push_back(point[5] == k ? 1 : 0);
    return x;
  };
  for (int state = 0; state < 54; ++state) {
    const std::vector<double> point = {
        0.4, -0.3, 1.0 + state % 3, 1.0 + state / 3 % 3, 1.0 + state / 9 % 3, double(state / 27)};
    EXPECT_NEAR(value_of(*soft, weights_of(point)), value_of(joint, point), 1e-10) << state;
  }
  // Between two states of one variable it is linear.
  const std::vector<double> low = weights_of({0.4, -0.3, 1, 2, 3, 0}),
                            high = weights_of({0.4, -0.3, 1, 3, 3, 0});
  std::vector<double> middle = low;
  for (size_t i = 0; i < middle.size(); ++i) middle[i] = 0.75 * low[i] + 0.25 * high[i];
  EXPECT_NEAR(value_of(*soft, middle), 0.75 * value_of(*soft, low) + 0.25 * value_of(*soft, high),
              1e-10);
  // Its gradient by differences.
  std::vector<double> gradient(middle.size());
  double value = 0;
  const Index rows = soft->dim();
  soft->evaluate({middle.data(), rows, 1, 1}, {&value, 1}, {gradient.data(), rows, 1, 1});
  for (size_t i = 0; i < middle.size(); ++i) {
    std::vector<double> up = middle, down = middle;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    EXPECT_NEAR(gradient[i], (value_of(*soft, up) - value_of(*soft, down)) / 2e-5, 1e-6) << i;
  }
}

TEST(SoftLogDensity, SaysWhyThereIsNone) {
  std::string reason;
  EXPECT_EQ(build("parameters { array[12] int<lower=0, upper=1> z; }"
                  "model { target += square(sum(z)) * sqrt(1 + sum(z)); }")
                ->soft(reason),
            nullptr);
  EXPECT_EQ(reason, "a term has 4096 joint states; at most 256 are weighted");
  EXPECT_EQ(
      build("parameters { int<lower=0, upper=2> z; } model { z ~ bernoulli(0.3); }")->soft(reason),
      nullptr);
  EXPECT_EQ(reason, "a state has density zero");
}

// Of a grid the blankets are a node's own terms and those of its four neighbours, in two colours.
TEST(Blankets, ColoursOfAGrid) {
  const auto model = build(R"(
parameters { real h; array[4, 4] int<lower=0, upper=1> z; }
model {
  h ~ normal(0, 1);
  for (i in 1:4) for (j in 1:4) {
    target += h * z[i, j];
    if (i < 4) target += 0.5 * z[i, j] * z[i + 1, j];
    if (j < 4) target += 0.5 * z[i, j] * z[i, j + 1];
  }
})");
  ASSERT_NE(model, nullptr);
  const JointLogDensity& joint = model->joint();
  const Blankets blankets(joint.graph(), joint.dim());
  const std::vector<int32_t> colour = blankets.colours(joint.num_continuous());
  ASSERT_EQ(colour.size(), 16u);
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = 0; j < 4; ++j) {
      EXPECT_EQ(colour[4 * i + j], static_cast<int32_t>((i + j) % 2));
      const Index neighbours = (i > 0) + (i < 3) + (j > 0) + (j < 3);
      EXPECT_EQ(blankets.num_terms_of(1 + static_cast<Index>(4 * i + j)), 1 + neighbours);
    }
  }
}

TEST(Model, LeavesStatesInWhereTheyCostTooMuch) {
  const std::string grid = R"(
parameters { array[30, 30] int<lower=0, upper=1> z; real h; }
model {
  h ~ normal(0, 1);
  for (i in 1:30) for (j in 1:30) {
    target += h * z[i, j];
    if (i < 30) target += 0.5 * z[i, j] * z[i + 1, j];
    if (j < 30) target += 0.5 * z[i, j] * z[i, j + 1];
  }
})";
  const auto model = build(grid, true);
  ASSERT_NE(model, nullptr);
  EXPECT_FALSE(model->is_marginal());
  EXPECT_EQ(model->joint().dim(), 901);
  EXPECT_TRUE(build("parameters { int<lower=0, upper=1> z; } model { z ~ bernoulli(0.3); }", true)
                  ->is_marginal());
}

}  // namespace
}  // namespace vinci::model
