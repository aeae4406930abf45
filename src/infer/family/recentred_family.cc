#include "infer/family/recentred_family.h"

#include <limits>
#include <utility>
#include <vector>

#include "infer/dense.h"

namespace vinci::infer {

RecentredFamily::RecentredFamily(std::shared_ptr<const model::Recentred> density, FamilyPtr base)
    : density_(std::move(density)), base_(std::move(base)) {}

std::string RecentredFamily::describe() const { return base_->describe() + ", recentred"; }

void RecentredFamily::draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                           MutableLaneMatrix points, std::span<double> log_q) const {
  Matrix recentred(points.rows, points.lanes);
  std::vector<double> log_abs_det(static_cast<size_t>(points.lanes));
  base_->draw(key, step, first_lane, mutable_lanes(recentred), log_q);
  density_->to_original(lanes_of(recentred), points, log_abs_det);
  for (size_t l = 0; l < log_abs_det.size(); ++l) log_q[l] -= log_abs_det[l];
}

void RecentredFamily::log_q(LaneMatrix points, std::span<double> log_q) const {
  Matrix recentred(points.rows, points.lanes);
  std::vector<double> log_abs_det(static_cast<size_t>(points.lanes));
  density_->from_original(points, mutable_lanes(recentred), log_abs_det);
  base_->log_q(lanes_of(recentred), log_q);
  for (size_t l = 0; l < log_abs_det.size(); ++l) log_q[l] -= log_abs_det[l];
}

double RecentredFamily::entropy() const { return std::numeric_limits<double>::quiet_NaN(); }

}  // namespace vinci::infer
