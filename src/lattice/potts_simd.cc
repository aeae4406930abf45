#include "lattice/kernels.h"
#include "numeric/special/float_math.h"

namespace vinci::lattice::VINCI_TARGET {
namespace {

using namespace numeric::VINCI_TARGET;

/// Zero beyond the first `left` elements.
VINCI_INLINE FloatVec padded(FloatVec x, int left) {
  return left < kFloatVecSize ? first(x, left) : x;
}

/// a[k] becomes exp(a[k] - max) and the sum of these is returned.
VINCI_INLINE FloatVec exponentials(FloatVec* a, int levels) {
  FloatVec high = a[0];
  for (int k = 1; k < levels; ++k) high = max(a[k], high);
  FloatVec sum = FloatVec(0.0f);
  for (int k = 0; k < levels; ++k) {
    a[k] = exp(a[k] - high);
    sum = sum + a[k];
  }
  return sum;
}

}  // namespace

float potts_mean(Neighbours at, Couplings coupling, const float* field, float step, bool mode,
                 const float* mean, float* out, int64_t stride, int levels, int n) {
  FloatVec change = FloatVec(0.0f);
  const FloatVec straight = 2 * coupling.straight, diagonal = 2 * coupling.diagonal;
  const bool has_diagonal = coupling.diagonal != 0.0f;
  FloatVec a[kMaxLevels];
  for (int j = 0; j < n; j += kFloatVecSize) {
    for (int k = 0; k < levels; ++k) {
      const int64_t i = k * stride + j;
      const FloatVec near = (load_unaligned(at.up + i) + load_unaligned(at.down + i)) +
                            (load_unaligned(at.side + i) + load_unaligned(at.side + i + 1));
      a[k] = fma(near, straight, load_unaligned(field + i));
      if (has_diagonal) {
        const FloatVec far =
            (load_unaligned(at.side_up + i) + load_unaligned(at.side_up + i + 1)) +
            (load_unaligned(at.side_down + i) + load_unaligned(at.side_down + i + 1));
        a[k] = fma(far, diagonal, a[k]);
      }
    }
    FloatVec scale = FloatVec(1.0f);
    if (mode) {
      // The first of the largest.
      FloatVec high = a[0], best = FloatVec(0.0f);
      for (int k = 1; k < levels; ++k) {
        const FloatMask higher = high < a[k];
        best = select(higher, FloatVec(static_cast<float>(k)), best);
        high = select(higher, a[k], high);
      }
      for (int k = 0; k < levels; ++k) {
        const FloatVec off = abs(best - FloatVec(static_cast<float>(k)));
        a[k] = select(off < FloatVec(0.5f), FloatVec(1.0f), FloatVec(0.0f));
      }
    } else {
      scale = FloatVec(1.0f) / exponentials(a, levels);
    }
    for (int k = 0; k < levels; ++k) {
      const int64_t i = k * stride + j;
      const FloatVec old = load_unaligned(mean + i);
      const FloatVec move = padded((a[k] * scale - old) * FloatVec(step), n - j);
      store_unaligned(out + i, old + move);
      change = max(abs(move), change);
    }
  }
  return max_element(change);
}

float potts_messages(Messages at, Couplings coupling, float weight, const float* field, float step,
                     float* mean, int64_t stride, int levels, int n) {
  FloatVec change = FloatVec(0.0f);
  const int directions = coupling.diagonal == 0.0f ? 4 : 8;
  FloatVec b[kMaxLevels], c[kMaxLevels];
  for (int j = 0; j < n; j += kFloatVecSize) {
    for (int k = 0; k < levels; ++k) {
      const int64_t i = k * stride + j;
      FloatVec sum = FloatVec(0.0f);
      for (int d = 0; d < directions; ++d) sum = sum + load_unaligned(at.in[d] + i);
      b[k] = fma(sum, FloatVec(weight), load_unaligned(field + i));
    }
    if (mean) {
      const FloatVec scale = FloatVec(1.0f) / exponentials(b, levels);
      for (int k = 0; k < levels; ++k)
        store_unaligned(mean + k * stride + j, padded(b[k] * scale, n - j));
      continue;
    }
    for (int d = 0; d < directions; ++d) {
      for (int k = 0; k < levels; ++k) c[k] = b[k] - load_unaligned(at.in[d] + k * stride + j);
      const FloatVec sum = exponentials(c, levels);
      // The largest of c is exp(0) = 1, and gives the largest message.
      const FloatVec factor =
          exp(FloatVec(2 * (d < 4 ? coupling.straight : coupling.diagonal) / weight)) -
          FloatVec(1.0f);
      const FloatVec scale = FloatVec(1.0f) / (sum + factor);
      for (int k = 0; k < levels; ++k) {
        float* out = at.out[d] + k * stride + j;
        const FloatVec old = load_unaligned(out);
        // At least e^-87 under the logarithm: exp is clamped there.
        const FloatVec move = padded(
            (log(max(fma(c[k], factor, sum) * scale, FloatVec(1.2e-38f))) - old) * FloatVec(step),
            n - j);
        store_unaligned(out, old + move);
        change = max(abs(move), change);
      }
    }
  }
  return max_element(change);
}

}  // namespace vinci::lattice::VINCI_TARGET
