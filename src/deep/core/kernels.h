// The loops over floats that deep models spend their time in beside matrix products: random
// numbers, the Bernoulli log density with its gradient, Adam's step. For CPU tensors; see
// functions.h.
#pragma once

#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::deep {

/// What names one row of random numbers: a Philox key and the upper words of its counter.
struct FloatNoiseKey {
  uint32_t key[2];
  uint32_t counter[3];
};

/// The hyperparameters of one step of Adam; the bias corrections are in `step_size` and `epsilon`:
/// p -= step_size m / (sqrt(v) + epsilon), m and v updated with the gradient `scale` g + decay p.
struct AdamStep {
  float step_size;
  float beta1;
  float beta2;
  float epsilon;
  float decay;
  float scale;
};

/// out[i], i < n: uniform on (0, 1), multiples of 2^-24 at odd places, so symmetric about 1/2.
/// Number i depends on (key, i) alone.  [philox.h]
///
/// float_normal: standard normal, by the inverse of the error function of the same uniforms:
/// relative error below 4e-7, |value| <= 5.42.  [Giles 2011, GPU Computing Gems, ch. 10]
///
/// float_binarise: 1 with probability bytes[i] / 255, else 0.
///
/// bernoulli_rows: value[r] = sum_d x_d l_d - log(1 + e^{l_d}) over row r of logits [rows, dim],
/// with x the row r mod x_rows of [x_rows, dim]; residual = x - sigmoid(l), the gradient of value
/// with respect to l. Absolute error of a value about dim 1e-7.
///
/// adam: one step over n parameters with moments m and v.
VINCI_SIMD_DECLARE(void float_uniform(const FloatNoiseKey& key, float* out, int64_t n);
                   void float_normal(const FloatNoiseKey& key, float* out, int64_t n);
                   void float_binarise(const FloatNoiseKey& key, const uint8_t* bytes, float* out,
                                       int64_t n);
                   void bernoulli_rows(const float* logits, const float* x, float* value,
                                       float* residual, int64_t rows, int64_t x_rows, int64_t dim);
                   void adam(float* p, const float* g, float* m, float* v, int64_t n,
                             const AdamStep& step);)

}  // namespace vinci::deep
