#include "infer/optimizer/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "numeric/random/philox.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

/// Distance to the optimum (1, -2) of -1/2 sum c_i (x_i - o_i)^2 after `steps` steps with gradient
/// noise of deviation `noise`.
double distance_after(Optimizer& optimizer, int steps, double noise) {
  std::vector<double> x = {4, 3}, g(2), u(2);
  const std::vector<double> optimum = {1, -2}, curvature = {1, 10};
  for (int t = 0; t < steps; ++t) {
    numeric::fill_normal({1, 2}, static_cast<uint32_t>(t), 0, 2, 1, u.data(), 1);
    for (size_t i = 0; i < 2; ++i) g[i] = -curvature[i] * (x[i] - optimum[i]) + noise * u[i];
    optimizer.step(x, g);
  }
  return std::hypot(x[0] - optimum[0], x[1] - optimum[1]);
}

std::vector<OptimizerPtr> optimizers() {
  std::vector<OptimizerPtr> all;
  all.push_back(sgd(0.05));
  all.push_back(momentum(0.02));
  all.push_back(adagrad(1));
  all.push_back(rmsprop(0.01));
  all.push_back(adam(0.02));
  all.push_back(dowg());
  return all;
}

TEST(Optimizer, FindsTheOptimumOfAQuadratic) {
  for (const OptimizerPtr& o : optimizers()) {
    EXPECT_LT(distance_after(*o, 2000, 0), 0.05) << o->name();
    // After a reset it behaves as when new.
    o->reset();
    const double again = distance_after(*o, 500, 0);
    o->reset();
    EXPECT_EQ(distance_after(*o, 500, 0), again) << o->name();
  }
}

// LecturesB4: steps whose sum is infinite and whose squares' sum is finite average the noise away;
// a constant step does not.
TEST(Optimizer, LecturesB4RobbinsMonroStepsConvergeUnderNoise) {
  const OptimizerPtr falling = sgd(0.1, 0.9, 10), constant = sgd(0.1, 0);
  const double end = distance_after(*falling, 20000, 1);
  EXPECT_LT(end, 0.05);
  EXPECT_GT(distance_after(*constant, 20000, 1), 2 * end);
}

// LecturesB5: on (m, log s) a natural step is the same whatever the unit of z.
TEST(Optimizer, LecturesB5NaturalStepsAreFreeOfUnits) {
  for (const double unit : {1.0, 1e3, 1e-3}) {
    // Target N(2 unit, (3 unit)^2), q = N(m, e^{2 r}): exact gradients.
    const OptimizerPtr o = natural_mean_field(0.3);
    std::vector<double> lambda = {0, std::log(unit)}, g(2);
    const auto step = [&] {
      const double s = std::exp(lambda[1]), v = 9 * unit * unit;
      g = {-(lambda[0] - 2 * unit) / v, 1 - s * s / v};
      o->step(lambda, g);
    };
    step();
    EXPECT_NEAR(lambda[0] / unit, 0.3 * 2.0 / 9, 1e-12);
    EXPECT_NEAR(lambda[1] - std::log(unit), 0.15 * 8.0 / 9, 1e-12);
    for (int t = 0; t < 100; ++t) step();
    EXPECT_NEAR(lambda[0] / unit, 2, 1e-6);
    EXPECT_NEAR(std::exp(lambda[1]) / unit, 3, 1e-6);
  }
}

TEST(Optimizer, RatesAreChecked) {
  EXPECT_THROW(adam(0), Error);
  EXPECT_THROW(sgd(std::nan("")), Error);
  EXPECT_THROW(adam(0.1)->set_rate(-1), Error);
}

}  // namespace
}  // namespace vinci::infer
