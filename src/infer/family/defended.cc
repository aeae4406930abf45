#include "infer/family/defended.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {

Defended::Defended(FamilyPtr base, FamilyPtr guard, double share)
    : base_(std::move(base)), guard_(std::move(guard)), share_(share) {
  VINCI_CHECK(base_->dim() == guard_->dim() && share > 0 && share < 1);
}

std::string Defended::describe() const { return base_->describe() + " with wider tails"; }

void Defended::draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                    MutableLaneMatrix points, std::span<double> density) const {
  // Streams of the choice and of the guard, apart from the base's own.
  const numeric::RandomKey guard_key{key.seed ^ 0x9e3779b97f4a7c15u, key.stream};
  const numeric::RandomKey choice_key{key.seed ^ 0xc2b2ae3d27d4eb4fu, key.stream};
  Matrix wide(points.rows, points.lanes);
  std::vector<double> choice(density.size());
  numeric::fill_uniform(choice_key, step, first_lane, 1, points.lanes, choice.data(), points.lanes);
  base_->draw(key, step, first_lane, points, density);
  guard_->draw(guard_key, step, first_lane, mutable_lanes(wide), density);
  for (Index l = 0; l < points.lanes; ++l) {
    if (choice[static_cast<size_t>(l)] >= share_) continue;
    for (Index r = 0; r < points.rows; ++r) points(r, l) = wide(r, l);
  }
  log_q({points.data, points.rows, points.lanes, points.stride}, density);
}

void Defended::log_q(LaneMatrix points, std::span<double> density) const {
  std::vector<double> guard(density.size());
  base_->log_q(points, density);
  guard_->log_q(points, guard);
  for (size_t l = 0; l < guard.size(); ++l) {
    const double a = density[l] + std::log1p(-share_), b = guard[l] + std::log(share_);
    const double top = std::max(a, b);
    // Neither has density here, or one of them is infinite.
    density[l] = std::isfinite(top) ? top + std::log1p(std::exp(std::min(a, b) - top)) : top;
  }
}

double Defended::entropy() const { return std::numeric_limits<double>::quiet_NaN(); }

}  // namespace vinci::infer
