// q = N(m, Omega^-1) with a sparse precision matrix: hierarchies and time series in dimensions
// where no dense covariance fits.
#pragma once

#include <cstdint>
#include <vector>

#include "infer/family/family.h"
#include "infer/family/full_rank_normal.h"

namespace vinci::infer {

/// A sparse lower triangular matrix by columns, row indices ascending, the diagonal first in each.
struct SparseLower {
  std::vector<int32_t> column_start;  // [D + 1]
  std::vector<int32_t> row;
  std::vector<double> value;
};

class SparsePrecisionNormal final : public NormalFamily {
 public:
  /// P Omega P' = T T' with coordinate order[k] of the family in row k; T with positive diagonal.
  SparsePrecisionNormal(std::vector<double> mean, std::vector<int32_t> order, SparseLower factor);

  Index dim() const override { return static_cast<Index>(mean_.size()); }
  std::string describe() const override { return "normal with sparse precision"; }
  void log_q(LaneMatrix points, std::span<double> log_q) const override;
  /// points = m + P' T'^-1 noise.  O(entries of T x lanes).
  void reparameterise(LaneMatrix noise, MutableLaneMatrix points) const override;
  /// noise = T' P (points - m).
  void whiten(LaneMatrix points, MutableLaneMatrix noise) const;
  /// out = T^-1 P direction: what whitening does to gradients.
  void whiten_gradient(LaneMatrix direction, MutableLaneMatrix out) const;
  /// out = P' T'^-1 direction.
  void unwhiten(LaneMatrix direction, MutableLaneMatrix out) const;

  /// The same distribution with a dense factor; O(D^3).
  FullRankNormal to_full_rank() const;

  const std::vector<double>& mean() const { return mean_; }
  const std::vector<int32_t>& order() const { return order_; }
  const SparseLower& factor() const { return factor_; }

 private:
  double log_normaliser() const override;

  std::vector<double> mean_;
  std::vector<int32_t> order_;
  SparseLower factor_;
};

}  // namespace vinci::infer
