#include "lattice/kernels.h"
#include "numeric/special/float_math.h"

namespace vinci::lattice::VINCI_TARGET {
namespace {

using namespace numeric::VINCI_TARGET;

/// field + coupling x neighbours at pixels j, ..., j + 15.
template <bool kDiagonal>
VINCI_INLINE FloatVec local_field(const Neighbours& at, const Couplings& coupling,
                                  const float* field, int j) {
  const FloatVec near = (load_unaligned(at.up + j) + load_unaligned(at.down + j)) +
                        (load_unaligned(at.side + j) + load_unaligned(at.side + j + 1));
  FloatVec a = fma(near, FloatVec(coupling.straight), load_unaligned(field + j));
  if constexpr (kDiagonal) {
    const FloatVec far = (load_unaligned(at.side_up + j) + load_unaligned(at.side_up + j + 1)) +
                         (load_unaligned(at.side_down + j) + load_unaligned(at.side_down + j + 1));
    a = fma(far, FloatVec(coupling.diagonal), a);
  }
  return a;
}

template <bool kDiagonal>
VINCI_INLINE float mean_rows(const Neighbours& at, const Couplings& coupling, const float* field,
                             float step, const float* mean, float* out, int n) {
  FloatVec change = FloatVec(0.0f);
  const FloatVec weight = step;
  int j = 0;
  for (; j + kFloatVecSize <= n; j += kFloatVecSize) {
    const FloatVec old = load_unaligned(mean + j);
    const FloatVec move = (tanh(local_field<kDiagonal>(at, coupling, field, j)) - old) * weight;
    store_unaligned(out + j, old + move);
    change = max(abs(move), change);
  }
  if (j < n) {
    const FloatVec old = load_unaligned(mean + j);
    const FloatVec move =
        first((tanh(local_field<kDiagonal>(at, coupling, field, j)) - old) * weight, n - j);
    store_unaligned(out + j, old + move);  // the padding stays 0: old and move are 0 there
    change = max(abs(move), change);
  }
  return max_element(change);
}

/// The same with step 1, its change not measured: the old value need not be read.
template <bool kDiagonal>
VINCI_INLINE float plain_mean_rows(const Neighbours& at, const Couplings& coupling,
                                   const float* field, float* out, int n) {
  int j = 0;
  for (; j + kFloatVecSize <= n; j += kFloatVecSize)
    store_unaligned(out + j, tanh(local_field<kDiagonal>(at, coupling, field, j)));
  if (j < n)
    store_unaligned(out + j, first(tanh(local_field<kDiagonal>(at, coupling, field, j)), n - j));
  return 0;
}

template <bool kDiagonal>
VINCI_INLINE float mode_rows(const Neighbours& at, const Couplings& coupling, const float* field,
                             const float* mean, float* out, int n) {
  FloatVec changes = FloatVec(0.0f);
  for (int j = 0; j < n; j += kFloatVecSize) {
    const FloatVec old = load_unaligned(mean + j);
    const FloatVec a = local_field<kDiagonal>(at, coupling, field, j);
    FloatVec mode = select(a < FloatVec(0.0f), FloatVec(-1.0f),
                           select(FloatVec(0.0f) < a, FloatVec(1.0f), old));
    if (n - j < kFloatVecSize) mode = first(mode, n - j);
    store_unaligned(out + j, mode);
    changes = changes + abs(mode - old) * FloatVec(0.5f);
  }
  float sum = 0;
  for (int k = 0; k < kFloatVecSize; ++k) sum += changes[k];
  return sum;
}

/// atanh(tanh(J) tanh(c)), J >= 0, as sign(c) [min(J, |c|) + log((1 + e^{-2(J + |c|)}) /
/// (1 + e^{-2|J - |c||})) / 2]: no cancellation where tanh is near 1.
VINCI_INLINE FloatVec message(FloatVec c, FloatVec strength) {
  const FloatVec a = abs(c);
  const FloatVec p = exp((strength + a) * FloatVec(-2.0f));
  const FloatVec q = exp(abs(strength - a) * FloatVec(-2.0f));
  const FloatVec u =
      fma(log((FloatVec(1.0f) + p) / (FloatVec(1.0f) + q)), FloatVec(0.5f), min(strength, a));
  return copy_sign(max(u, FloatVec(0.0f)), c);
}

template <int kDirections>
VINCI_INLINE float message_rows(const Messages& at, const Couplings& coupling, float weight,
                                const float* field, float step, float* mean, int n) {
  FloatVec change = FloatVec(0.0f);
  const FloatVec straight = coupling.straight / weight;
  const FloatVec diagonal = coupling.diagonal / weight;
  for (int j = 0; j < n; j += kFloatVecSize) {
    FloatVec in[kDirections];
    FloatVec sum = FloatVec(0.0f);
#pragma GCC unroll 8
    for (int d = 0; d < kDirections; ++d) {
      in[d] = load_unaligned(at.in[d] + j);
      sum = sum + in[d];
    }
    const FloatVec b = fma(sum, FloatVec(weight), load_unaligned(field + j));
    const int left = n - j;
    if (mean) {
      const FloatVec m = tanh(b);
      store_unaligned(mean + j, left < kFloatVecSize ? first(m, left) : m);
      continue;
    }
#pragma GCC unroll 8
    for (int d = 0; d < kDirections; ++d) {
      const FloatVec old = load_unaligned(at.out[d] + j);
      FloatVec move = (message(b - in[d], d < 4 ? straight : diagonal) - old) * FloatVec(step);
      if (left < kFloatVecSize) move = first(move, left);
      store_unaligned(at.out[d] + j, old + move);
      change = max(abs(move), change);
    }
  }
  return max_element(change);
}

}  // namespace

float ising_mean(Neighbours at, Couplings coupling, const float* field, float step, bool measure,
                 const float* mean, float* out, int n) {
  if (step == 1.0f && !measure) {
    return coupling.diagonal == 0.0f ? plain_mean_rows<false>(at, coupling, field, out, n)
                                     : plain_mean_rows<true>(at, coupling, field, out, n);
  }
  return coupling.diagonal == 0.0f ? mean_rows<false>(at, coupling, field, step, mean, out, n)
                                   : mean_rows<true>(at, coupling, field, step, mean, out, n);
}

float ising_mode(Neighbours at, Couplings coupling, const float* field, const float* mean,
                 float* out, int n) {
  return coupling.diagonal == 0.0f ? mode_rows<false>(at, coupling, field, mean, out, n)
                                   : mode_rows<true>(at, coupling, field, mean, out, n);
}

float ising_messages(Messages at, Couplings coupling, float weight, const float* field, float step,
                     float* mean, int n) {
  return coupling.diagonal == 0.0f ? message_rows<4>(at, coupling, weight, field, step, mean, n)
                                   : message_rows<8>(at, coupling, weight, field, step, mean, n);
}

}  // namespace vinci::lattice::VINCI_TARGET
