#include "infer/optimizer/newton_cg.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "infer/testing/targets.h"

namespace vinci::infer {
namespace {

const Context kContext;

/// Rosenbrock's valley in D dimensions, with exact products.
class Rosenbrock final : public SmoothFunction {
 public:
  explicit Rosenbrock(Index dim) : dim_(dim) {}
  Index dim() const override { return dim_; }
  double evaluate(std::span<const double> x, std::span<double> g) override {
    double value = 0;
    std::fill(g.begin(), g.end(), 0.0);
    for (size_t i = 0; i + 1 < x.size(); ++i) {
      const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
      value += 100 * a * a + b * b;
      g[i] += -400 * a * x[i] - 2 * b;
      g[i + 1] += 200 * a;
    }
    return value;
  }
  void hessian_vector(std::span<const double> x, std::span<const double> v,
                      std::span<double> out) override {
    std::fill(out.begin(), out.end(), 0.0);
    for (size_t i = 0; i + 1 < x.size(); ++i) {
      const double a = x[i + 1] - x[i] * x[i];
      out[i] += (-400 * a + 800 * x[i] * x[i] + 2) * v[i] - 400 * x[i] * v[i + 1];
      out[i + 1] += -400 * x[i] * v[i] + 200 * v[i + 1];
    }
  }

 private:
  Index dim_;
};

TEST(NewtonCg, FollowsRosenbrocksValley) {
  Rosenbrock f(10);
  const NewtonCgResult r = newton_cg(f, std::vector<double>(10, -1.2));
  EXPECT_TRUE(r.converged);
  // From here the valley leads to one of two minima.
  EXPECT_LT(r.value, 4.2);
  for (const double g : r.gradient) EXPECT_LT(std::abs(g), 1e-6);
  const NewtonCgResult global = newton_cg(f, std::vector<double>(10, 0.5));
  for (const double x : global.x) EXPECT_NEAR(x, 1, 1e-8);
  EXPECT_LT(global.iterations, 60);
}

TEST(NewtonCg, OneStepSolvesAQuadraticWithinTheRegion) {
  const auto density = testing::rotated_normal({1, -2, 0.5}, {0.5, 2, 1}, 0.7);
  Objective objective(density, kContext);
  NegativeLogDensity f(objective);
  NewtonCgOptions options;
  options.first_radius = 100;
  const NewtonCgResult r = newton_cg(f, {0, 0, 0}, options);
  EXPECT_TRUE(r.converged);
  // The centre of rotated_normal is its mean. Inexact solves take a few steps.
  EXPECT_NEAR(r.x[0], 1, 1e-7);
  EXPECT_NEAR(r.x[1], -2, 1e-7);
  EXPECT_NEAR(r.x[2], 0.5, 1e-7);
  EXPECT_LE(r.iterations, 6);
}

TEST(NewtonCg, FindsThePosteriorModeOfALogisticRegression) {
  const auto density = testing::logistic_regression(10, 100);
  Objective objective(density, kContext);
  NegativeLogDensity f(objective);
  const NewtonCgResult r = newton_cg(f, std::vector<double>(10, 2.0));
  EXPECT_TRUE(r.converged);
  EXPECT_LT(r.iterations, 20);
  std::vector<double> g(10);
  f.evaluate(r.x, g);
  for (const double v : g) EXPECT_LT(std::abs(v), 1e-7);
}

TEST(NewtonCg, StaysInTheSupport) {
  const auto density = testing::half_space(2, 0.5);
  Objective objective(density, kContext);
  NegativeLogDensity f(objective);
  const NewtonCgResult r = newton_cg(f, {3, 1});
  EXPECT_TRUE(std::isfinite(r.value));
  EXPECT_GT(r.x[0], 0.5);
  const NewtonCgResult outside = newton_cg(f, {0, 1});
  EXPECT_FALSE(outside.converged);
  EXPECT_EQ(outside.x[0], 0);
}

}  // namespace
}  // namespace vinci::infer
