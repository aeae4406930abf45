#include "infer/family/sinh_arcsinh_normal.h"

#include <gtest/gtest.h>

#include <cmath>

#include "infer/dense.h"

namespace vinci::infer {
namespace {

SinhArcsinhNormal example() {
  return {FullRankNormal({1, -2}, {2, 0, 0.7, 0.5}), {0.4, -0.6}, {1.3, 0.7}};
}

TEST(SinhArcsinhNormal, WarpAndInverse) {
  const std::vector<double> u{-30, -3, -0.5, -1e-9, 0, 0.2, 1, 4, 40};
  for (const double eps : {-1.0, 0.0, 0.3}) {
    for (const double delta : {0.5, 1.0, 2.0}) {
      std::vector<double> v(u.size()), back(u.size());
      sinh_arcsinh(eps, delta, u.data(), v.data(), static_cast<Index>(u.size()));
      inverse_sinh_arcsinh(eps, delta, v.data(), back.data(), static_cast<Index>(u.size()));
      for (size_t i = 0; i < u.size(); ++i) {
        EXPECT_NEAR(v[i], std::sinh((std::asinh(u[i]) + eps) / delta),
                    1e-12 * (1 + std::abs(v[i])));
        EXPECT_NEAR(back[i], u[i], 1e-11 * (1 + std::abs(u[i])));
      }
    }
  }
}

TEST(SinhArcsinhNormal, NoWarpIsTheNormal) {
  const FullRankNormal normal({1, -2}, {2, 0, 0.7, 0.5});
  const SinhArcsinhNormal q(normal, {0, 0}, {1, 1});
  Matrix z(2, 30), same(2, 30);
  Vector log_q(30), same_log_q(30), again(30);
  q.draw({1, 2}, 3, 4, mutable_lanes(z), span_of(log_q));
  normal.draw({1, 2}, 3, 4, mutable_lanes(same), span_of(same_log_q));
  q.log_q(lanes_of(z), span_of(again));
  EXPECT_EQ((z - same).cwiseAbs().maxCoeff(), 0);
  EXPECT_LT((log_q - same_log_q).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_LT((again - same_log_q).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_NEAR(q.entropy(), normal.entropy(), 1e-9);
}

TEST(SinhArcsinhNormal, DensityIntegratesToOne) {
  const SinhArcsinhNormal q = example();
  // A grid in v = C^-1 (z - m); Simpson's weights are not needed for a smooth integrand that
  // vanishes at the ends.
  constexpr Index kSide = 801;
  constexpr double kReach = 200;
  // Spaced evenly in asinh(v), as far as v = 200.
  const double edge = std::asinh(kReach), step = 2 * edge / (kSide - 1);
  double total = 0;
  Matrix v(2, kSide), z(2, kSide);
  Vector log_q(kSide);
  for (Index a = 0; a < kSide; ++a) {
    const double s = -edge + step * static_cast<double>(a);
    for (Index b = 0; b < kSide; ++b) {
      v(0, b) = std::sinh(s);
      v(1, b) = std::sinh(-edge + step * static_cast<double>(b));
    }
    q.base().reparameterise(lanes_of(v), mutable_lanes(z));
    q.log_q(lanes_of(z), span_of(log_q));
    for (Index b = 0; b < kSide; ++b) {
      total += std::exp(log_q[b]) * std::cosh(s) * std::hypot(1, v(1, b)) * step * step;
    }
  }
  EXPECT_NEAR(total * 2 * 0.5, 1, 1e-6);  // det C = 1
}

}  // namespace
}  // namespace vinci::infer
