// q = N(m, C C'), C lower triangular with positive diagonal.
#pragma once

#include <vector>

#include "infer/family/family.h"

namespace vinci::infer {

class FullRankNormal final : public NormalFamily {
 public:
  /// N(0, scale^2 I).
  explicit FullRankNormal(Index dim, double scale = 1);
  /// mean: [D]; factor: [D, D] row-major, lower triangular, diagonal > 0 (the upper triangle is
  /// ignored).
  FullRankNormal(std::vector<double> mean, std::vector<double> factor);

  Index dim() const override { return static_cast<Index>(mean_.size()); }
  std::string describe() const override { return "full-rank normal"; }
  void log_q(LaneMatrix points, std::span<double> log_q) const override;

  /// points = m + C noise, both [D][lanes].
  void reparameterise(LaneMatrix noise, MutableLaneMatrix points) const override;
  /// noise = C^-1 (points - m).
  void whiten(LaneMatrix points, MutableLaneMatrix noise) const;

  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& factor() const { return factor_; }
  /// Standard deviation of coordinate i.
  double marginal_sd(Index i) const;

 private:
  double log_normaliser() const override;  // log q = log_normaliser - |noise|^2 / 2

  std::vector<double> mean_;
  std::vector<double> factor_;
};

}  // namespace vinci::infer
