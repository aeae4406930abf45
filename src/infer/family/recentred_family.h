// A family over the coordinates of a recentred density, as a family over the original ones.
#pragma once

#include <memory>
#include <string>

#include "infer/family/family.h"
#include "model/recentrable.h"

namespace vinci::infer {

/// The image of `base` under the map of `density` to the original coordinates:
/// log q(x) = log base(x_c) - log |d x / d x_c|.
class RecentredFamily final : public Family {
 public:
  RecentredFamily(std::shared_ptr<const model::Recentred> density, FamilyPtr base);

  Index dim() const override { return base_->dim(); }
  std::string describe() const override;
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override;
  void log_q(LaneMatrix points, std::span<double> log_q) const override;
  double entropy() const override;  // no closed form

  const model::Recentred& density() const { return *density_; }
  const Family& base() const { return *base_; }

 private:
  std::shared_ptr<const model::Recentred> density_;
  FamilyPtr base_;
};

}  // namespace vinci::infer
