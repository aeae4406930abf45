// The inner loop of strict networks on each instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::coding {

/// Outputs that are summed side by side, each in an order of its own that no instruction set
/// changes.
inline constexpr size_t kPanelWidth = 32;

VINCI_SIMD_DECLARE(
    /// y[p][j] = bias[p][j] + sum_i x[i] weights[p][rows[i]][j], i < count ascending, j <
    /// kPanelWidth; `inputs` rows to a panel. Products and sums are rounded one by one.
    void dense_panels(const float* weights, const float* bias, const uint32_t* rows, const float* x,
                      size_t count, size_t inputs, size_t panels, float* y);)

}  // namespace vinci::coding
