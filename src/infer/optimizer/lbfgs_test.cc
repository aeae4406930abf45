#include "infer/optimizer/lbfgs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

namespace vinci::infer {
namespace {

/// A function of coefficients, with its gradient.
class Functional final : public LogDensity {
 public:
  using Function = std::function<double(std::span<const double>, std::span<double>)>;
  Functional(Index dim, Function function) : dim_(dim), function_(std::move(function)) {}
  Index dim() const override { return dim_; }
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override {
    std::vector<double> x(static_cast<size_t>(dim_)), g(x.size());
    for (Index lane = 0; lane < points.lanes; ++lane) {
      for (Index i = 0; i < dim_; ++i) x[static_cast<size_t>(i)] = points(i, lane);
      value[static_cast<size_t>(lane)] = function_(x, g);
      if (gradient.data == nullptr) continue;
      for (Index i = 0; i < dim_; ++i) gradient(i, lane) = g[static_cast<size_t>(i)];
    }
  }

 private:
  Index dim_;
  Function function_;
};

Path ascend(const Functional& functional, const std::vector<double>& start) {
  const Context context;
  Objective objective(functional, context);
  return lbfgs_ascend(objective, {start.data(), functional.dim(), 1, 1}, {}).front();
}

// Lectures D.5: of the curves t + sum_k c_k sin(k pi t) from (0, 0) to (1, 1) the straight one is
// the shortest.
TEST(Lbfgs, LecturesD5TheShortestCurveIsStraight) {
  constexpr int kSteps = 2000;
  const Functional minus_length(5, [](std::span<const double> c, std::span<double> g) {
    double length = 0;
    std::fill(g.begin(), g.end(), 0.0);
    for (int s = 0; s < kSteps; ++s) {
      const double t = (s + 0.5) / kSteps;
      double slope = 1;
      for (size_t k = 0; k < c.size(); ++k) {
        const double w = std::numbers::pi * static_cast<double>(k + 1);
        slope += c[k] * w * std::cos(w * t);
      }
      const double speed = std::hypot(1, slope);
      length += speed / kSteps;
      for (size_t k = 0; k < c.size(); ++k) {
        const double w = std::numbers::pi * static_cast<double>(k + 1);
        g[k] -= slope / speed * w * std::cos(w * t) / kSteps;
      }
    }
    return -length;
  });
  const Path path = ascend(minus_length, {0.8, -0.5, 0.3, 0.2, -0.4});
  EXPECT_LT(path.values.front(), -3);
  EXPECT_NEAR(path.values.back(), -std::numbers::sqrt2, 1e-10);
  for (size_t k = 0; k < 5; ++k) EXPECT_NEAR(path.points[path.points.size() - 5 + k], 0, 1e-6);
}

// Lectures D.5: of the densities exp(-x^2/2 + c_1 sin x + c_2 cos 2x + c_3 sin 3x), scaled to one
// variance, the normal has the largest entropy.
TEST(Lbfgs, LecturesD5TheNormalHasTheLargestEntropyOfItsVariance) {
  const Functional entropy(3, [](std::span<const double> c, std::span<double> g) {
    constexpr double kStep = 0.01;
    const auto features = [](double x) {
      return std::vector<double>{std::sin(x), std::cos(2 * x), std::sin(3 * x)};
    };
    const auto exponent = [&](double x, const std::vector<double>& f) {
      return -0.5 * x * x + c[0] * f[0] + c[1] * f[1] + c[2] * f[2];
    };
    double mass = 0, mean = 0, mean_exponent = 0;
    for (double x = -12; x <= 12; x += kStep) {
      const double s = exponent(x, features(x));
      mass += std::exp(s) * kStep;
      mean += x * std::exp(s) * kStep;
      mean_exponent += s * std::exp(s) * kStep;
    }
    mean /= mass;
    mean_exponent /= mass;
    double variance = 0;
    std::vector<double> by_exponent(3), by_square(3), mean_feature(3);
    for (double x = -12; x <= 12; x += kStep) {
      const std::vector<double> f = features(x);
      const double s = exponent(x, f);
      const double p = std::exp(s) / mass * kStep;
      const double square = (x - mean) * (x - mean);
      variance += square * p;
      for (size_t k = 0; k < 3; ++k) {
        mean_feature[k] += f[k] * p;
        by_exponent[k] += s * f[k] * p;
        by_square[k] += square * f[k] * p;
      }
    }
    for (size_t k = 0; k < 3; ++k)
      g[k] = -(by_exponent[k] - mean_exponent * mean_feature[k]) -
             0.5 * (by_square[k] - variance * mean_feature[k]) / variance;
    return std::log(mass) - mean_exponent - 0.5 * std::log(variance);
  });
  const double largest = 0.5 * std::log(2 * std::numbers::pi * std::numbers::e);
  const Path path = ascend(entropy, {0.7, -0.4, 0.5});
  EXPECT_LT(path.values.front(), largest - 0.05);
  EXPECT_NEAR(path.values.back(), largest, 1e-9);
  for (size_t k = 0; k < 3; ++k) EXPECT_NEAR(path.points[path.points.size() - 3 + k], 0, 1e-4);
}

}  // namespace
}  // namespace vinci::infer
