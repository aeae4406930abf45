// Sums of rows of a table: how well each component explains a row of symbols.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::coding {

VINCI_SIMD_DECLARE(
    /// sums[k] += sum_i table[rows[i] n + k], k < n, i < count.
    void add_rows(int64_t* sums, const int32_t* table, const size_t* rows, size_t count, size_t n);

    /// table[rows[i] n + k] += weights[k], k < n, i < count.
    void spread_rows(float* table, const float* weights, const size_t* rows, size_t count,
                     size_t n);)

}  // namespace vinci::coding
