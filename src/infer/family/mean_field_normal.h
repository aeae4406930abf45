// q = product of N(m_i, s_i^2).
#pragma once

#include <vector>

#include "infer/family/family.h"

namespace vinci::infer {

class MeanFieldNormal final : public NormalFamily {
 public:
  /// mean, sd: [D], sd > 0.
  MeanFieldNormal(std::vector<double> mean, std::vector<double> sd);

  Index dim() const override { return static_cast<Index>(mean_.size()); }
  std::string describe() const override { return "mean-field normal"; }
  void reparameterise(LaneMatrix noise, MutableLaneMatrix points) const override;
  void log_q(LaneMatrix points, std::span<double> log_q) const override;

  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& sd() const { return sd_; }

 private:
  double log_normaliser() const override;

  std::vector<double> mean_;
  std::vector<double> sd_;
};

}  // namespace vinci::infer
