// The normals with independent coordinates as functions of means and log deviations.
#pragma once

#include <vector>

#include "infer/family/mean_field_normal.h"
#include "infer/family/parametric_family.h"

namespace vinci::infer {

/// q = product of N(m_i, e^{2 r_i}); lambda = (m_1, ..., m_D, r_1, ..., r_D), P = 2 D. The log
/// keeps deviations positive and makes a step of r relative to the deviation. z = m + e^r noise;
/// O(D) a draw, entropy sum r + const without any determinant.
class MeanFieldNormalFamily final : public ParametricFamily {
 public:
  explicit MeanFieldNormalFamily(Index dim) : dim_(dim) {}
  /// The lambda of q.
  static std::vector<double> params_of(const MeanFieldNormal& q);

  Index dim() const override { return dim_; }
  Index num_params() const override { return 2 * dim_; }
  std::string describe() const override { return "mean-field normal"; }
  std::string param_name(Index p) const override;
  FamilyPtr at(std::span<const double> lambda) const override;
  void score(std::span<const double> lambda, LaneMatrix points,
             MutableLaneMatrix score) const override;
  void log_q_gradient(std::span<const double> lambda, LaneMatrix points,
                      MutableLaneMatrix gradient) const override;
  bool entropy_gradient(std::span<const double> lambda, std::span<double> gradient) const override;

  Index noise_dim() const override { return dim_; }
  TapePtr transform(std::span<const double> lambda, LaneMatrix noise, MutableLaneMatrix points,
                    std::span<double> log_q) const override;
  void pathwise(std::span<const double> lambda, LaneMatrix noise, LaneMatrix points,
                const Tape* tape, LaneMatrix adjoint, MutableLaneMatrix gradient) const override;
  void pathwise_sum(std::span<const double> lambda, LaneMatrix noise, LaneMatrix points,
                    const Tape* tape, LaneMatrix adjoint,
                    std::span<double> gradient) const override;

 private:
  Index dim_;
};

}  // namespace vinci::infer
