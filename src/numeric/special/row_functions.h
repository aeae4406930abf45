// The functions of vec_math.h over rows of doubles, for callers outside of vector kernels.
#pragma once

#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::numeric {

enum class RowFunction : uint8_t {
#define VINCI_VEC_UNARY(name, max_ulp, low, high) name,
#define VINCI_VEC_BINARY(name) name,
#include "numeric/special/vec_math.def"
};

/// y[k] = f(a[k]), or f(a[k], b[k]) of the binary functions (b is null for the unary), k < n; any
/// n, any alignment; y may be a or b.
VINCI_SIMD_DECLARE(void row_function(RowFunction f, const double* a, const double* b, double* y,
                                     int64_t n);)

}  // namespace vinci::numeric
