// Products of small dense matrices with many lanes: the layers of multilayer perceptrons. The
// matrices are of one model and the same for all lanes; x and y are [rows][lanes], lanes
// contiguous, any number of lanes, any alignment. A lane's result does not depend on the others or
// their number.
#pragma once

#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::numeric {

VINCI_SIMD_DECLARE(
    /// y[i][l] = a(bias[i] + sum_k w[i row_step + k inner_step] x[k][l]), i < rows, k < inner, with
    /// a(t) = max(t, leak t): leak 1 is the identity, 0 the rectifier. A null bias is zero. y must
    /// not be x. The transpose of w is had by exchanging the steps.
    void dense_product(int64_t rows, int64_t inner, const double* w, int64_t row_step,
                       int64_t inner_step, const double* bias, double leak, const double* x,
                       int64_t x_stride, double* y, int64_t y_stride, int64_t lanes);

    /// g[i][j] += sum_l a[i][l] b[j][l], i < rows, j < cols.
    void dense_outer(int64_t rows, int64_t cols, const double* a, int64_t a_stride, const double* b,
                     int64_t b_stride, double* g, int64_t g_stride, int64_t lanes);

    /// adjoint[k] *= output[k] > 0 ? 1 : leak, k < n: the derivative of a at output = a(t).
    void leaky_derivative(double leak, const double* output, double* adjoint, int64_t n);)

}  // namespace vinci::numeric
