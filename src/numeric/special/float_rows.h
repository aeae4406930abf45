// The functions of float_math.h over rows of floats, for callers outside of vector kernels.
#pragma once

#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::numeric {

/// y[k] = f(x[k]), k < n, with the errors stated in float_math.h; any n, any alignment; y may be x.
VINCI_SIMD_DECLARE(void float_exp(const float* x, float* y, int64_t n);
                   void float_log(const float* x, float* y, int64_t n);
                   void float_tanh(const float* x, float* y, int64_t n);)

}  // namespace vinci::numeric
