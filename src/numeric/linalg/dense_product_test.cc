#include "numeric/linalg/dense_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "numeric/random/random_stream.h"
#include "numeric/simd/target.h"

namespace vinci::numeric {
namespace {

struct Restore {
  SimdTarget before = simd_target();
  ~Restore() { set_simd_target(before); }
};

TEST(DenseProduct, EqualsTheSumOnEveryTargetAndShape) {
  const Restore restore;
  RandomStream random(1);
  for (const SimdTarget target : {SimdTarget::kBaseline, SimdTarget::kAvx2, SimdTarget::kAvx512}) {
    if (!set_simd_target(target)) continue;
    for (const int64_t m : {1, 3, 8, 11}) {
      for (const int64_t n : {1, 7, 8, 17, 40}) {
        for (const int64_t k : {0, 1, 13}) {
          for (const bool transposed : {false, true}) {
            for (const bool accumulate : {false, true}) {
              const int64_t stride_b = n + 3, stride_c = n + 2;
              std::vector<double> a(static_cast<size_t>(m * k)),
                  b(static_cast<size_t>(k * stride_b)), c(static_cast<size_t>(m * stride_c));
              for (auto* x : {&a, &b, &c})
                for (double& v : *x) v = random.normal();
              const std::vector<double> before = c;
              const int64_t row = transposed ? 1 : k, col = transposed ? m : 1;
              VINCI_SIMD_SELECT(dense_product)
              (m, n, k, a.data(), row, col, b.data(), stride_b, c.data(), stride_c, accumulate);
              for (int64_t i = 0; i < m; ++i) {
                for (int64_t j = 0; j < stride_c; ++j) {
                  const auto at = static_cast<size_t>(i * stride_c + j);
                  double expected = accumulate || j >= n ? before[at] : 0;
                  for (int64_t p = 0; j < n && p < k; ++p)
                    expected += a[static_cast<size_t>(i * row + p * col)] *
                                b[static_cast<size_t>(p * stride_b + j)];
                  ASSERT_NEAR(c[at], expected, 1e-13)
                      << simd_target_name(target) << " " << m << "x" << n << "x" << k;
                }
              }
            }
          }
        }
      }
    }
  }
}

TEST(DenseProduct, ColumnsDoNotDependOnTheirNumber) {
  RandomStream random(2);
  std::vector<double> a(12 * 9), b(9 * 30);
  for (auto* x : {&a, &b})
    for (double& v : *x) v = random.normal();
  std::vector<double> all(12 * 30), one(12 * 5);
  VINCI_SIMD_SELECT(dense_product)(12, 30, 9, a.data(), 9, 1, b.data(), 30, all.data(), 30, false);
  VINCI_SIMD_SELECT(dense_product)
  (12, 5, 9, a.data(), 9, 1, b.data() + 4, 30, one.data(), 5, false);
  for (size_t i = 0; i < 12; ++i)
    for (size_t j = 0; j < 5; ++j) EXPECT_EQ(one[i * 5 + j], all[i * 30 + 4 + j]);
}

}  // namespace
}  // namespace vinci::numeric
