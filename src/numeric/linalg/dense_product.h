// Products of dense matrices of doubles: what networks over batches of lanes spend their time in.
#pragma once

#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::numeric {

VINCI_SIMD_DECLARE(
    /// C [m, n] = A B, or += A B where accumulate. A [m, k] has its element (i, p) at a[i row_a +
    /// p col_a], so that a transpose costs nothing; rows of B [k, n] and C are contiguous, at
    /// distances stride_b and stride_c. Any sizes, any alignment; C must not overlap A or B. An
    /// element is a chain of k (fused) multiply-adds in order of p, whatever m and n: columns are
    /// independent. 2 m n k operations.
    void dense_product(int64_t m, int64_t n, int64_t k, const double* a, int64_t row_a,
                       int64_t col_a, const double* b, int64_t stride_b, double* c,
                       int64_t stride_c, bool accumulate);)

}  // namespace vinci::numeric
