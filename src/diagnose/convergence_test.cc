#include "diagnose/convergence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "diagnose/psis.h"

namespace vinci::diagnose {
namespace {

TEST(Convergence, SampleSizeAndRateByShape) {
  EXPECT_DOUBLE_EQ(minimal_sample_size(-0.3), 10);
  EXPECT_DOUBLE_EQ(minimal_sample_size(0.5), 100);
  EXPECT_NEAR(minimal_sample_size(0.7), 2154.43, 0.01);
  EXPECT_EQ(minimal_sample_size(1), std::numeric_limits<double>::infinity());
  // The threshold is its inverse.
  EXPECT_NEAR(minimal_sample_size(khat_threshold(1000)), 1000, 1e-6);
  EXPECT_EQ(convergence_rate(-1, 1000), 1);
  EXPECT_EQ(convergence_rate(1.2, 1000), 0);
  // The formula as it stands in the paper, where nothing overflows.
  for (const double k : {0.2, 0.45, 0.6, 0.7, 0.9}) {
    const double s = 1000;
    const double paper =
        (2 * (k - 1) * std::pow(s, 2 * k + 1) + (1 - 2 * k) * std::pow(s, 2 * k) + s * s) /
        ((s - 1) * (s - std::pow(s, 2 * k)));
    EXPECT_NEAR(convergence_rate(k, 1000), std::max(0.0, paper), 1e-9) << k;
  }
  EXPECT_NEAR(convergence_rate(0.5, 1000), convergence_rate(0.5001, 1000), 1e-3);
  EXPECT_LT(convergence_rate(0.7, 1000), convergence_rate(0.6, 1000));
}

}  // namespace
}  // namespace vinci::diagnose
