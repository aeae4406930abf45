#include "infer/tail_probe.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "infer/testing/targets.h"
#include "numeric/random/philox.h"

namespace vinci::infer {
namespace {

using testing::PointDensity;

TailProbe probe(const PointDensity& density) {
  const Context context;
  Objective objective(density, context);
  std::vector<double> points(static_cast<size_t>(100 * density.dim()));
  numeric::fill_normal({1, 1}, 0, 0, 100, density.dim(), points.data(), density.dim());
  return probe_tails(objective, points);
}

TEST(TailProbe, ProperPosteriorsPass) {
  EXPECT_FALSE(probe(testing::rotated_normal({1, 2, 3}, {0.1, 1, 10}, 0.3)).improper);
  EXPECT_FALSE(probe(testing::funnel(5)).improper);
  EXPECT_FALSE(probe(testing::eight_schools_centered()).improper);
  EXPECT_FALSE(probe(testing::half_space(2, 0)).improper);
  // Cauchy: the heaviest tail that people use.
  EXPECT_FALSE(probe({1,
                      [](const std::vector<double>& x, std::vector<double>& g) {
                        g[0] = -2 * x[0] / (1 + x[0] * x[0]);
                        return -std::log1p(x[0] * x[0]);
                      }})
                   .improper);
}

// Bounded coordinates under a likelihood so steep that the Jacobian is lost in rounding far out.
TEST(TailProbe, SteepWallsAreNoTails) {
  EXPECT_FALSE(probe({1,
                      [](const std::vector<double>& x, std::vector<double>& g) {
                        const double wall = 1e30 * std::tanh(std::abs(x[0]) / 100);
                        g[0] = 0;
                        return -wall - std::abs(x[0]);
                      }})
                   .improper);
}

TEST(TailProbe, FlatCoordinatesAndRidgesAreFound) {
  const TailProbe flat = probe({3, [](const std::vector<double>& x, std::vector<double>& g) {
                                  g[0] = -x[0];
                                  g[2] = -x[2];
                                  return -0.5 * (x[0] * x[0] + x[2] * x[2]);
                                }});
  EXPECT_TRUE(flat.improper);
  EXPECT_EQ(flat.coordinate, 1);
  // A flat prior on a log scale that nothing bounds below.
  const TailProbe scale = probe({1, [](const std::vector<double>& x, std::vector<double>& g) {
                                   g[0] = -std::exp(std::min(x[0], 500.0));
                                   return g[0];
                                 }});
  EXPECT_TRUE(scale.improper);
}

}  // namespace
}  // namespace vinci::infer
