// q with a share of something wider: importance ratios stay bounded where q's own tails are too
// light.
#pragma once

#include <memory>

#include "infer/family/family.h"

namespace vinci::infer {

/// (1 - share) base + share guard.
/// [defensive mixtures: Hesterberg 1995, doi 10.1080/00401706.1995.10484303]
class Defended final : public Family {
 public:
  /// share in (0, 1); both of one dimension.
  Defended(FamilyPtr base, FamilyPtr guard, double share);

  Index dim() const override { return base_->dim(); }
  std::string describe() const override;
  /// Draws both families at every lane and keeps one: twice the cost.
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override;
  void log_q(LaneMatrix points, std::span<double> log_q) const override;
  double entropy() const override;  // no closed form

 private:
  FamilyPtr base_;
  FamilyPtr guard_;
  double share_;
};

}  // namespace vinci::infer
