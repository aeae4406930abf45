// How far the moments of q can be from those of p, bounded from importance ratios.
#pragma once

#include <cstddef>
#include <limits>
#include <span>

#include "diagnose/psis.h"
#include "diagnose/verdict.h"

namespace vinci::diagnose {

/// What a bound on the divergence is good for.
enum class BoundUse {
  kNotComputed,  // k-hat above 0.7: the second moment of the ratios cannot be estimated
  kUseless,      // D2 > 4.6: errors of ten deviations are not excluded
  kReweight,     // 0.1 < D2 <= 4.6: the bounds are wide; importance weights do better
  kTight,        // D2 <= 0.1
};

/// The Renyi divergence of order 2 from q to p, D2 = log E_q[(p/q)^2], from above.
struct RenyiBound {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  double cubo2 = kUnknown;     // (1/2) log E_q[w^2] >= log p(x), nats
  double d2 = kUnknown;        // 2 (cubo2 - elbo), at least 0, nats
  double d2_error = kUnknown;  // its Monte Carlo standard error
  BoundUse use = BoundUse::kNotComputed;
  /// k-hat is above 0.5: E_q[w^2] may be infinite, and what is estimated of it too low.
  bool optimistic = false;
};

/// From the smoothed weights of independent draws of q and the ELBO of the same draws. Any lower
/// bound of log p(x) gives an upper bound of D2.  O(S).
/// [Huggins, Kasprzak, Campbell, Broderick 2020, AISTATS, eq. (6); k-hat and D2 thresholds: their
/// sec. 4 and Vehtari et al. 2024, sec. 3]
RenyiBound renyi_bound(const Psis& psis, const Estimate& elbo);

/// Bounds on one quantity, all +inf or NaN where D2 is.
struct MomentBounds {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  double w1 = kUnknown;  // Wasserstein distances of the marginals
  double w2 = kUnknown;
  double mean_error = kUnknown;      // |E_p h - E_q h|
  double sd_error = kUnknown;        // |sd_p h - sd_q h|
  double variance_error = kUnknown;  // |var_p h - var_q h|
};

/// For a quantity h(z) with values at draws of q. With chi2 = e^D2 - 1 and c = mean h:
///   W_1 <= (E|h - c|^2)^(1/2) chi2^(1/2),  W_2 <= 2^(1/2) (E|h - c|^4)^(1/4) chi2^(1/4),
/// since W_p^p <= 2^(p-1) int |h - c|^p d|p - q| [Villani 2009, theorem 6.15], then Cauchy-Schwarz
/// (Huggins et al. state it with the larger constant 2); D2 of a marginal is at most that of the
/// joint. |mean error| <= min(W_1, W_2), |sd error| <= W_2, |variance error| <= 2 sd W_2 + W_2^2.
/// [Huggins et al. 2020, theorem 3.4]
MomentBounds moment_bounds(double d2, std::span<const double> values);

/// The same for points in R^D, draws: [S][D], with Euclidean distances: covariance_error bounds the
/// spectral norm of the difference of the covariances, 2 (t W_2 + W_2^2), t^2 the trace of q's.
struct JointBounds {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  double w1 = kUnknown;
  double w2 = kUnknown;
  double covariance_error = kUnknown;
};
JointBounds joint_bounds(double d2, std::span<const double> draws, std::ptrdiff_t dim);

}  // namespace vinci::diagnose
