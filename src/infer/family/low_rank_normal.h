// q = N(m, A^{1/2} (I + Q (L L' - I) Q') A^{1/2}): diagonal A, orthonormal Q of few columns, L
// lower triangular.
#pragma once

#include <vector>

#include "infer/family/family.h"
#include "infer/family/full_rank_normal.h"

namespace vinci::infer {

/// The shape of an inverse Hessian that L-BFGS maintains: draws and densities cost O(D r).
/// [Zhang, Carpenter, Gelman, Vehtari 2022, JMLR 23(306), algorithm 4; with L the lower factor]
class LowRankNormal final : public NormalFamily {
 public:
  /// mean, diagonal (of A, > 0): [D]; basis Q: [D, r] row-major, orthonormal columns; core L: [r,
  /// r] row-major, lower triangular with positive diagonal.
  LowRankNormal(std::vector<double> mean, std::vector<double> diagonal, std::vector<double> basis,
                std::vector<double> core);

  Index dim() const override { return static_cast<Index>(mean_.size()); }
  Index rank() const { return rank_; }
  std::string describe() const override;
  void log_q(LaneMatrix points, std::span<double> log_q) const override;

  /// points = m + A^{1/2} (noise + Q (L - I) Q' noise).
  void reparameterise(LaneMatrix noise, MutableLaneMatrix points) const override;
  const std::vector<double>& mean() const { return mean_; }
  /// Standard deviations of the coordinates; O(D r^2).
  std::vector<double> marginal_sds() const;
  /// The same distribution with a dense factor; O(D^3).
  FullRankNormal to_full_rank() const;

 private:
  double log_normaliser() const override;

  Index rank_;
  std::vector<double> mean_;
  std::vector<double> diagonal_;
  std::vector<double> basis_;
  std::vector<double> core_;
};

}  // namespace vinci::infer
