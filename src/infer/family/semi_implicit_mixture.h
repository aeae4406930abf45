// q = 1/M sum_m N(m + C psi_m, C diag(s^2) C'): a semi-implicit distribution whose mixing noise has
// been drawn once and for all.
#pragma once

#include <vector>

#include "infer/family/affine_map.h"
#include "infer/family/family.h"

namespace vinci::infer {

/// A distribution of its own, not an estimate of one: it is drawn from and judged exactly. Over the
/// draws of psi, its expected ELBO is the surrogate bound L_{M-1} of the semi-implicit q that they
/// come from, which lies below that q's ELBO and rises to it with M (by the exchangeability of the
/// psi: a draw of the mixture is a draw of N(psi_m) with M - 1 others about). So what the judge
/// sees is never better than the truth about its draws. log q costs O(M D) a point.
class SemiImplicitMixture final : public Family {
 public:
  /// centres: [M][D], psi in the coordinates of the frame; sd: [D], > 0.
  SemiImplicitMixture(AffineMap frame, std::vector<double> centres, std::vector<double> sd);

  Index dim() const override { return frame_.dim(); }
  Index count() const { return static_cast<Index>(centres_.size()) / dim(); }
  std::string describe() const override;
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override;
  void log_q(LaneMatrix points, std::span<double> log_q) const override;
  double entropy() const override;

  const std::vector<double>& sd() const { return sd_; }

 private:
  AffineMap frame_;
  std::vector<double> centres_;  // [M][D], psi / sd
  std::vector<double> sd_;
  double log_normaliser_ = 0;  // of a component, its weight included
};

}  // namespace vinci::infer
