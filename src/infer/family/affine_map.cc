#include "infer/family/affine_map.h"

#include <cmath>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {

AffineMap::AffineMap(std::vector<double> mean, std::vector<double> scale,
                     std::vector<double> factor)
    : mean_(std::move(mean)), scale_(std::move(scale)), factor_(std::move(factor)) {
  VINCI_CHECK(scale_.size() == mean_.size());
  for (const double s : scale_) {
    VINCI_CHECK(s > 0);
    log_abs_det_ += std::log(s);
  }
}

AffineMap AffineMap::identity(Index dim) {
  const auto n = static_cast<size_t>(dim);
  return {std::vector<double>(n, 0.0), std::vector<double>(n, 1.0), {}};
}

AffineMap AffineMap::diagonal(std::vector<double> mean, std::vector<double> scale) {
  return {std::move(mean), std::move(scale), {}};
}

AffineMap AffineMap::triangular(std::vector<double> mean, std::vector<double> factor) {
  const size_t n = mean.size();
  VINCI_CHECK(factor.size() == n * n);
  std::vector<double> scale(n);
  for (size_t i = 0; i < n; ++i) scale[i] = factor[i * n + i];
  return {std::move(mean), std::move(scale), std::move(factor)};
}

void AffineMap::push(LaneMatrix y, MutableLaneMatrix z) const {
  StridedMap out = map_lanes(z);
  if (factor_.empty()) {
    out = map_lanes(y).array().colwise() * map_vector(scale_).array();
  } else {
    out.noalias() = map_square(factor_, dim()).triangularView<Eigen::Lower>() * map_lanes(y);
  }
}

void AffineMap::forward(LaneMatrix y, MutableLaneMatrix z) const {
  push(y, z);
  map_lanes(z).colwise() += map_vector(mean_);
}

void AffineMap::inverse(LaneMatrix z, MutableLaneMatrix y) const {
  StridedMap out = map_lanes(y);
  out = map_lanes(z).colwise() - map_vector(mean_);
  if (factor_.empty()) {
    out.array().colwise() /= map_vector(scale_).array();
  } else {
    map_square(factor_, dim()).triangularView<Eigen::Lower>().solveInPlace(out);
  }
}

void AffineMap::pull_back(LaneMatrix gradient_z, MutableLaneMatrix gradient_y) const {
  StridedMap out = map_lanes(gradient_y);
  if (factor_.empty()) {
    out = map_lanes(gradient_z).array().colwise() * map_vector(scale_).array();
  } else {
    out.noalias() = map_square(factor_, dim()).transpose().triangularView<Eigen::Upper>() *
                    map_lanes(gradient_z);
  }
}

}  // namespace vinci::infer
