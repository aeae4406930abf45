// The float functions of the vector block against the double ones of the C library, on every
// target of this machine.
#include "numeric/special/float_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace vinci::numeric {
namespace {

/// Each test runs on every target of this machine.
class FloatRows : public testing::TestWithParam<SimdTarget> {
 protected:
  void SetUp() override { ASSERT_TRUE(set_simd_target(GetParam())); }
  void TearDown() override { set_simd_target(before_); }

 private:
  SimdTarget before_ = simd_target();
};

std::vector<SimdTarget> targets_here() {
  std::vector<SimdTarget> targets;
  for (const SimdTarget t : {SimdTarget::kBaseline, SimdTarget::kAvx2, SimdTarget::kAvx512}) {
    if (has_simd_target(t)) targets.push_back(t);
  }
  return targets;
}

std::vector<float> points(double low, double high, int n) {
  std::vector<float> x(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) {
    x[static_cast<size_t>(i)] = static_cast<float>(low + (high - low) * i / (n - 1));
  }
  return x;
}

TEST_P(FloatRows, ExpHasTheErrorStated) {
  // A length that is no multiple of a block: the rest goes through too.
  const std::vector<float> x = points(-87, 88, 400'003);
  std::vector<float> y(x.size());
  VINCI_SIMD_SELECT(float_exp)(x.data(), y.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = std::exp(static_cast<double>(x[i]));
    ASSERT_NEAR(y[i] / exact, 1, 2e-7) << x[i];
  }
}

TEST_P(FloatRows, LogHasTheErrorStated) {
  std::vector<float> x = points(1e-3, 4, 400'003);
  for (double v = 1.2e-38; v < 3e38; v *= 1.01) x.push_back(static_cast<float>(v));
  std::vector<float> y(x.size());
  VINCI_SIMD_SELECT(float_log)(x.data(), y.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = std::log(static_cast<double>(x[i]));
    const bool near_one = x[i] >= 0.5F && x[i] <= 2;
    ASSERT_NEAR(y[i], exact, near_one ? 1e-7 : 2e-7 * std::abs(exact)) << x[i];
  }
}

TEST_P(FloatRows, TanhHasTheErrorStatedAndStaysWithinOne) {
  std::vector<float> x = points(-12, 12, 400'003);
  for (double v = 1e-37; v < 1e38; v *= 1.01) x.push_back(static_cast<float>(v));
  x.push_back(std::numeric_limits<float>::infinity());
  x.push_back(-std::numeric_limits<float>::infinity());
  x.push_back(0);
  std::vector<float> y(x.size()), negative(x.size());
  const auto n = static_cast<int64_t>(x.size());
  VINCI_SIMD_SELECT(float_tanh)(x.data(), y.data(), n);
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = std::tanh(static_cast<double>(x[i]));
    ASSERT_NEAR(y[i], exact, 6e-7 * std::abs(exact)) << x[i];
    ASSERT_LE(std::abs(y[i]), 1.0F);
    x[i] = -x[i];
  }
  VINCI_SIMD_SELECT(float_tanh)(x.data(), negative.data(), n);
  for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(negative[i], -y[i]);
}

INSTANTIATE_TEST_SUITE_P(Targets, FloatRows, testing::ValuesIn(targets_here()),
                         [](const auto& target) { return simd_target_name(target.param); });

}  // namespace
}  // namespace vinci::numeric
