// The normals with a dense covariance as functions of mean and factor.
#pragma once

#include <vector>

#include "infer/family/full_rank_normal.h"
#include "infer/family/parametric_family.h"

namespace vinci::infer {

/// q = N(m, C C'), C lower triangular with positive diagonal. lambda = (m_1, ..., m_D, rows of C:
/// C_11, C_21, C_22, ...) with log C_ii in place of C_ii; P = D + D (D + 1) / 2. z = m + C noise;
/// log |det C| = sum log C_ii. O(D^2) a draw, a gradient, a score.
class FullRankNormalFamily final : public ParametricFamily {
 public:
  explicit FullRankNormalFamily(Index dim) : dim_(dim) {}
  /// The lambda of q.
  static std::vector<double> params_of(const FullRankNormal& q);
  /// Where C_ij (j <= i; its log for i = j) stands in lambda.
  Index factor_index(Index i, Index j) const { return dim_ + i * (i + 1) / 2 + j; }

  Index dim() const override { return dim_; }
  Index num_params() const override { return dim_ + dim_ * (dim_ + 1) / 2; }
  std::string describe() const override { return "full-rank normal"; }
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
