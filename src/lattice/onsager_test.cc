// Onsager's solution against known values, and mean field against it: where it fails.
#include "lattice/onsager.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "lattice/sweeps.h"
#include "lattice/testing/exact.h"

namespace vinci::lattice {
namespace {

const double kCritical = 0.5 * std::log(1 + std::numbers::sqrt2);

TEST(Onsager, ValuesAtTheEndsAndAtTheCriticalCoupling) {
  EXPECT_NEAR(critical_coupling(2), kCritical, 1e-15);
  EXPECT_NEAR(onsager_log_partition(0), std::numbers::ln2, 1e-12);
  // ln 2 / 2 + 2 G / pi with Catalan's constant G.
  constexpr double kCatalan = 0.91596559417721901505;
  EXPECT_NEAR(onsager_log_partition(kCritical),
              0.5 * std::numbers::ln2 + 2 * kCatalan / std::numbers::pi, 1e-7);
  EXPECT_NEAR(onsager_log_partition(5), 10, 1e-8);
  EXPECT_NEAR(onsager_correlation(kCritical), std::numbers::sqrt2 / 2, 1e-6);
  EXPECT_NEAR(onsager_correlation(3), 1, 1e-8);
  // Small J: neighbours correlate as tanh J, and by the two ways around a square more.
  const double t = std::tanh(0.02);
  EXPECT_NEAR(onsager_correlation(0.02), t + 2 * t * t * t, 1e-7);
}

TEST(Onsager, CorrelationIsTheSlopeOfTheLogPartition) {
  for (const double j : {0.1, 0.3, 0.42, 0.46, 0.7, 1.2}) {
    const double h = 1e-4;
    const double slope = (onsager_log_partition(j + h) - onsager_log_partition(j - h)) / (2 * h);
    EXPECT_NEAR(onsager_correlation(j), slope / 2, 1e-5) << j;
    EXPECT_NEAR(coupling_of_correlation(onsager_correlation(j)), j, 1e-8);
  }
  EXPECT_EQ(coupling_of_correlation(-0.2), 0);
  EXPECT_EQ(coupling_of_correlation(1), 3);
}

// A strip with free edges is not infinite: what is missing is proportional to its boundary. The
// correlation of its inner edges is near the infinite lattice's away from the critical coupling.
TEST(Onsager, NarrowStripByTransferMatrixApproachesIt) {
  const double j = 0.25;
  const auto log_z = [&](int width, int height) {
    return testing::exact(testing::random_field(width, height, 2, j, 0, 0, 1)).log_evidence - 0.25;
  };
  // Second differences in both sizes leave the bulk.
  const double bulk = log_z(9, 12) - log_z(9, 11) - log_z(8, 12) + log_z(8, 11);
  EXPECT_NEAR(bulk, onsager_log_partition(j), 1e-5);
}

/// |mean| of the middle of a large field without data, from a start of 0.9 everywhere.
double mean_field_magnetisation(double coupling) {
  const int size = 101;
  Field field;
  field.coupling = {static_cast<float>(coupling), 0};
  field.field = SplitGrid(size, size);
  SplitGrid start(size, size);
  for (int row = 0; row < size; ++row) {
    for (int column = 0; column < size; ++column) start.at(row, column) = 0.9F;
  }
  numeric::ThreadPool pool(1);
  Sweeper sweeper(field, start, {}, pool);
  sweeper.run(3000);
  return sweeper.q().at(size / 2, size / 2);
}

// Mean field orders from J = 1/4 on, where the exact lattice has no magnetisation until 0.4407: its
// picture there is the start's, not the data's. Far above both agree.
TEST(Onsager, MeanFieldMagnetisesWhereTheLatticeDoesNot) {
  EXPECT_NEAR(mean_field_critical_coupling(2, 4), 0.25, 1e-15);
  EXPECT_LT(mean_field_magnetisation(0.24), 1e-3);
  for (const double j : {0.3, 0.35, 0.43}) {
    EXPECT_EQ(onsager_magnetisation(j), 0);
    // m = tanh(4 J m).
    double m = 0.9;
    for (int i = 0; i < 1000; ++i) m = std::tanh(4 * j * m);
    EXPECT_GT(m, 0.5);
    EXPECT_NEAR(mean_field_magnetisation(j), m, 1e-3);
  }
  EXPECT_NEAR(onsager_magnetisation(0.5), 0.911319, 1e-6);
  EXPECT_GT(mean_field_magnetisation(0.5), onsager_magnetisation(0.5) + 0.04);
  EXPECT_NEAR(mean_field_magnetisation(1.0), onsager_magnetisation(1.0), 1e-3);
}

}  // namespace
}  // namespace vinci::lattice
