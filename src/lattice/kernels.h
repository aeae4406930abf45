// The inner loops of lattice/, over half rows (split_grid.h), per instruction set. `*_simd.cc`
// files include this header: no standard library here.
#pragma once

#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::lattice {

/// Where the neighbours of pixel j of a half row lie: vertical ones at up[j] and down[j], those to
/// the left and right at side[j] and side[j + 1], diagonal ones at side_up[j], side_up[j + 1],
/// side_down[j] and side_down[j + 1].
struct Neighbours {
  const float* up;
  const float* down;
  const float* side;
  const float* side_up;
  const float* side_down;
};

/// Coupling to the horizontal and vertical neighbours, and to the diagonal ones (0: they are none).
struct Couplings {
  float straight;
  float diagonal;
};

/// A half row of messages: direction d of 0 up, 1 down, 2 left, 3 right, 4 up left, 5 up right,
/// 6 down left, 7 down right. in[d] is what the neighbour in direction d sent here, out[d] what
/// this half row sends there. Four of them where the diagonal coupling is 0.
struct Messages {
  const float* in[8];
  float* out[8];
};

/// Levels of a Potts field; plane k lies k `stride` floats on.
constexpr int kMaxLevels = 256;

VINCI_SIMD_DECLARE(
    /// out[j] = mean[j] + step (tanh(field[j] + sum of coupling x mean over neighbours) - mean[j]),
    /// j < n. Returns the largest |out - mean|, or 0 without `measure`, which makes an undamped
    /// update (step 1) a quarter faster. out may be mean.
    float ising_mean(Neighbours at, Couplings coupling, const float* field, float step,
                     bool measure, const float* mean, float* out, int n);
    /// out[j] = the sign of what ising_mean takes the tanh of; mean[j] where that is 0. Returns the
    /// number of changes.
    float ising_mode(Neighbours at, Couplings coupling, const float* field, const float* mean,
                     float* out, int n);
    /// Messages as half log ratios. With b = field + weight x sum of in, the new out[d] is u(b -
    /// in[d]) where u(c) = atanh(tanh(J) tanh(c)), J = coupling / weight; it moves there by `step`.
    /// Returns the largest change. With mean != null only mean[j] = tanh(b[j]) is written.
    float ising_messages(Messages at, Couplings coupling, float weight, const float* field,
                         float step, float* mean, int n);
    /// The Potts form of the first two: planes of probabilities of `levels` levels, log weights in
    /// the planes of `field`: softmax (or, with `mode`, the indicator of the largest) of
    /// field_k + 2 sum of coupling x probability_k. Returns the largest change.
    float potts_mean(Neighbours at, Couplings coupling, const float* field, float step, bool mode,
                     const float* mean, float* out, int64_t stride, int levels, int n);
    /// Messages in logarithms, the largest of each 0: out[d]_k = log sum_l exp(c_l + 2 J [k = l])
    /// with c = b - in[d], J = coupling / weight. With mean != null only the planes of
    /// mean = softmax(b) are written.
    float potts_messages(Messages at, Couplings coupling, float weight, const float* field,
                         float step, float* mean, int64_t stride, int levels, int n);)

}  // namespace vinci::lattice
