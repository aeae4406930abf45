// The default Hessian-vector product of a LogDensity against analytic Hessians.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "infer/parallel_log_density.h"
#include "infer/testing/targets.h"

namespace vinci::infer {
namespace {

using testing::PointDensity;

/// H v of one lane.
std::vector<double> product(const LogDensity& density, const std::vector<double>& x,
                            const std::vector<double>& v) {
  std::vector<double> result(x.size());
  const auto rows = static_cast<Index>(x.size());
  density.hessian_vector({x.data(), rows, 1, 1}, {v.data(), rows, 1, 1},
                         {result.data(), rows, 1, 1});
  return result;
}

void expect_close(const std::vector<double>& found, const std::vector<double>& expected,
                  double tolerance) {
  double size = 0, error = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    size = std::max(size, std::abs(expected[i]));
    error = std::max(error, std::abs(found[i] - expected[i]));
    ASSERT_TRUE(std::isfinite(found[i]));
  }
  EXPECT_LE(error, tolerance * size);
}

TEST(HessianVector, MeetsAnalyticHessians) {
  // The funnel: with u = e^-v, d2/dv2 = -1/9 - u sum x^2 / 2, d2/dv dx_i = x_i u, d2/dx_i2 = -u.
  const PointDensity funnel = testing::funnel(3);
  const std::vector<double> x{0.7, -1.2, 0.4}, v{0.3, -2.0, 1.1};
  const double u = std::exp(-x[0]);
  expect_close(
      product(funnel, x, v),
      {(-1.0 / 9 - 0.5 * u * (x[1] * x[1] + x[2] * x[2])) * v[0] + u * (x[1] * v[1] + x[2] * v[2]),
       u * (x[1] * v[0] - v[1]), u * (x[2] * v[0] - v[2])},
      1e-8);
  // The banana with curvature b, r = y - b (x^2 - 1): -1 + 2 b r - 4 b^2 x^2, 2 b x, -1.
  const double b = 0.8;
  const PointDensity banana = testing::banana(b);
  const double r = -0.6 - b * (1.5 * 1.5 - 1);
  expect_close(
      product(banana, {1.5, -0.6}, {1e-3, 2e-3}),
      {(-1 + 2 * b * r - 4 * b * b * 2.25) * 1e-3 + 2 * b * 1.5 * 2e-3, 2 * b * 1.5 * 1e-3 - 2e-3},
      1e-8);
}

TEST(HessianVector, FarAndWideCoordinatesKeepTheirDigits) {
  // log cosh-like target far from the origin: H = -sech^2(x - m).
  const PointDensity far{1, [](const std::vector<double>& x, std::vector<double>& g) {
                           g[0] = -std::tanh(x[0] - 5000);
                           return -std::log(std::cosh(x[0] - 5000));
                         }};
  const double sech = 1 / std::cosh(0.75);
  expect_close(product(far, {5000.75}, {3e4}), {-sech * sech * 3e4}, 1e-7);
  // A coordinate that does not move does not lengthen the step.
  const PointDensity pair{2, [](const std::vector<double>& x, std::vector<double>& g) {
                            g[0] = -std::tanh(x[0] / 0.01) / 0.01;
                            g[1] = 0;
                            return -std::log(std::cosh(x[0] / 0.01));
                          }};
  const double narrow = 1 / std::cosh(0.5);
  expect_close(product(pair, {0.005, 1e9}, {1, 0}), {-narrow * narrow * 1e4, 0}, 1e-6);
}

TEST(HessianVector, KeepsTheLawsOfLanes) {
  const PointDensity target = testing::eight_schools_noncentered();
  constexpr Index kLanes = 150;
  const Index rows = target.dim();
  std::vector<double> x(static_cast<size_t>(rows * kLanes)), v(x.size()), all(x.size()),
      spread(x.size());
  for (size_t k = 0; k < x.size(); ++k) {
    x[k] = std::sin(0.37 * static_cast<double>(k));
    v[k] = std::cos(1.7 * static_cast<double>(k));
  }
  const LaneMatrix points{x.data(), rows, kLanes, kLanes},
      directions{v.data(), rows, kLanes, kLanes};
  target.hessian_vector(points, directions, {all.data(), rows, kLanes, kLanes});
  numeric::ThreadPool pool(3);
  ParallelLogDensity(target, pool)
      .hessian_vector(points, directions, {spread.data(), rows, kLanes, kLanes});
  EXPECT_EQ(all, spread);
  std::vector<double> one_x, one_v;
  for (Index r = 0; r < rows; ++r) {
    one_x.push_back(points(r, 77));
    one_v.push_back(directions(r, 77));
  }
  const std::vector<double> alone = product(target, one_x, one_v);
  for (Index r = 0; r < rows; ++r) {
    EXPECT_EQ(alone[static_cast<size_t>(r)], all[static_cast<size_t>(r * kLanes + 77)]);
  }
}

TEST(HessianVector, RejectedPointsGiveZeroAndEdgesOneSide) {
  const PointDensity half = testing::half_space(2, 1.0);
  EXPECT_EQ(product(half, {0.5, 0.2}, {1, 1}), (std::vector<double>{0, 0}));
  expect_close(product(half, {1 + 1e-9, 0.2}, {1, 1}), {-1, -1}, 1e-8);
  expect_close(product(half, {1 + 1e-9, 0.2}, {-1, 1}), {1, -1}, 1e-8);
  EXPECT_EQ(product(half, {3, 0.2}, {0, 0}), (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace vinci::infer
