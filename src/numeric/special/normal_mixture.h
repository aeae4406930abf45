// Equal-weight mixtures of many unit normals: log density, responsibilities and gradients in one
// pass, with SIMD over points.
#pragma once

#include <cstdint>

#include "numeric/simd/target.h"

namespace vinci::numeric {

/// What `normal_mixture` reads and writes. The unnormalised mixture at point a_l is
///     sum_k e_kl + e_0l,  e_kl = exp(-|a_l - b_k|^2 / 2),  e_0l = exp(-|a_l - own_l|^2 / 2),
/// the last only where `own` is given. r_kl = e_kl / sum are the responsibilities.
struct NormalMixture {
  int64_t dim = 0;
  int64_t count = 0;                // of centres; with `own`, may be 0
  const double* centres = nullptr;  // [count][dim]: b_k
  int64_t lanes = 0;                // points, any number
  const double* points = nullptr;   // [dim][lanes], rows at distance point_stride
  int64_t point_stride = 0;
  const double* own = nullptr;  // [dim][lanes], or null
  int64_t own_stride = 0;

  double* log_sum = nullptr;  // [lanes]: log of the unnormalised mixture
  /// [dim][lanes]: sum_k r_kl (b_k - a_l), the gradient of log_sum with respect to a_l. May be
  /// null, then nothing below is computed.
  double* pull = nullptr;
  int64_t pull_stride = 0;
  double* own_share = nullptr;  // [lanes]: r_0l; may be null
  /// [count][dim] += sum_l weight_l r_kl (a_l - b_k), the gradient of sum_l weight_l log_sum_l with
  /// respect to b_k; weight: [lanes]. May be null; costs about as much again.
  double* centre_pull = nullptr;
  const double* weight = nullptr;
  double* scratch = nullptr;  // normal_mixture_scratch(dim) doubles
};

inline int64_t normal_mixture_scratch(int64_t dim) { return 8 * (512 + 3 * dim); }

VINCI_SIMD_DECLARE(
    /// Distances are sums of squared differences: no cancellation however far the centres are from
    /// zero. Exact to a few ulp of |a - b|^2 in log_sum; -inf where all terms are beyond e^-1e300.
    /// Lanes are independent. Per point and centre: 2 dim operations and one exp; with `pull`
    /// another dim.
    void normal_mixture(const NormalMixture& job);)

}  // namespace vinci::numeric
