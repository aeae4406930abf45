#include "numeric/linalg/dense_layer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "numeric/random/philox.h"

namespace vinci::numeric {
namespace {

std::vector<double> normals(uint32_t stream, std::ptrdiff_t n) {
  std::vector<double> x(static_cast<size_t>(n));
  fill_normal({1, stream}, 0, 0, n, 1, x.data(), 1);
  return x;
}

class DenseLayer : public testing::TestWithParam<SimdTarget> {
 protected:
  void SetUp() override {
    if (!has_simd_target(GetParam())) GTEST_SKIP() << "not on this machine";
    set_simd_target(GetParam());
  }
  void TearDown() override { set_simd_target(before_); }
  SimdTarget before_ = simd_target();
};

TEST_P(DenseLayer, EqualsSumsOneByOne) {
  for (const int64_t rows : {1, 5, 8}) {
    for (const int64_t inner : {0, 3, 9}) {
      for (const int64_t lanes : {1, 7, 8, 29, 48}) {
        const int64_t stride = lanes + 3;
        const auto w = normals(1, rows * inner), x = normals(2, inner * stride),
                   bias = normals(3, rows), delta = normals(4, rows * stride);
        std::vector<double> y(static_cast<size_t>(rows * stride), 7.0);
        std::vector<double> back(static_cast<size_t>(inner * stride), 7.0);
        std::vector<double> g(static_cast<size_t>(rows * inner), 1.0);
        VINCI_SIMD_SELECT(dense_product)
        (rows, inner, w.data(), inner, 1, bias.data(), 0.01, x.data(), stride, y.data(), stride,
         lanes);
        // The transpose.
        VINCI_SIMD_SELECT(dense_product)
        (inner, rows, w.data(), 1, inner, nullptr, 1, delta.data(), stride, back.data(), stride,
         lanes);
        VINCI_SIMD_SELECT(dense_outer)
        (rows, inner, delta.data(), stride, x.data(), stride, g.data(), inner, lanes);
        const auto at = [](const std::vector<double>& m, int64_t i) {
          return m[static_cast<size_t>(i)];
        };
        for (int64_t l = 0; l < stride; ++l) {
          for (int64_t i = 0; i < rows; ++i) {
            double sum = at(bias, i);
            for (int64_t k = 0; k < inner; ++k) {
              sum += at(w, i * inner + k) * at(x, k * stride + l);
            }
            const double expected = l < lanes ? std::max(sum, 0.01 * sum) : 7;
            EXPECT_NEAR(at(y, i * stride + l), expected, 1e-13);
          }
          for (int64_t k = 0; k < inner; ++k) {
            double sum = 0;
            for (int64_t i = 0; i < rows; ++i) {
              sum += at(w, i * inner + k) * at(delta, i * stride + l);
            }
            EXPECT_NEAR(at(back, k * stride + l), l < lanes ? sum : 7, 1e-13);
          }
        }
        for (int64_t i = 0; i < rows; ++i) {
          for (int64_t k = 0; k < inner; ++k) {
            double sum = 1;
            for (int64_t l = 0; l < lanes; ++l) {
              sum += at(delta, i * stride + l) * at(x, k * stride + l);
            }
            EXPECT_NEAR(at(g, i * inner + k), sum, 1e-12);
          }
        }
      }
    }
  }
}

TEST_P(DenseLayer, LanesDoNotDependOnTheirNumber) {
  constexpr int64_t kRows = 6, kInner = 5, kLanes = 40;
  const auto w = normals(1, kRows * kInner), x = normals(2, kInner * kLanes);
  std::vector<double> all(kRows * kLanes), one(kRows);
  VINCI_SIMD_SELECT(dense_product)
  (kRows, kInner, w.data(), kInner, 1, nullptr, 1, x.data(), kLanes, all.data(), kLanes, kLanes);
  VINCI_SIMD_SELECT(dense_product)
  (kRows, kInner, w.data(), kInner, 1, nullptr, 1, x.data() + 19, kLanes, one.data(), 1, 1);
  for (size_t i = 0; i < kRows; ++i) EXPECT_EQ(all[i * kLanes + 19], one[i]);
}

TEST_P(DenseLayer, LeakyDerivative) {
  const std::vector<double> output{-1, 2, 0, -3, 4, -5, 6, 7, -8, 9, 10};
  std::vector<double> adjoint(output.size(), 2.0);
  VINCI_SIMD_SELECT(leaky_derivative)
  (0.25, output.data(), adjoint.data(), static_cast<int64_t>(output.size()));
  for (size_t i = 0; i < output.size(); ++i) EXPECT_EQ(adjoint[i], output[i] > 0 ? 2 : 0.5) << i;
}

INSTANTIATE_TEST_SUITE_P(Targets, DenseLayer,
                         testing::Values(SimdTarget::kBaseline, SimdTarget::kAvx2,
                                         SimdTarget::kAvx512),
                         [](const auto& test) { return simd_target_name(test.param); });

}  // namespace
}  // namespace vinci::numeric
