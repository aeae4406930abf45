#include "infer/family/mean_field_normal.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"

namespace vinci::infer {

MeanFieldNormal::MeanFieldNormal(std::vector<double> mean, std::vector<double> sd)
    : mean_(std::move(mean)), sd_(std::move(sd)) {
  VINCI_CHECK(mean_.size() == sd_.size());
}

double MeanFieldNormal::log_normaliser() const {
  double log_det = 0;
  for (const double s : sd_) log_det += std::log(s);
  return -log_det - 0.5 * static_cast<double>(dim()) * std::log(2 * std::numbers::pi);
}

void MeanFieldNormal::reparameterise(LaneMatrix noise, MutableLaneMatrix points) const {
  StridedMap z = map_lanes(points);
  z = map_lanes(noise).array().colwise() * map_vector(sd_).array();
  z.colwise() += map_vector(mean_);
}

void MeanFieldNormal::log_q(LaneMatrix points, std::span<double> log_q) const {
  const double constant = log_normaliser();
  const ConstStridedMap z = map_lanes(points);
  for (Index l = 0; l < points.lanes; ++l) {
    log_q[static_cast<size_t>(l)] =
        constant - 0.5 * ((z.col(l) - map_vector(mean_)).array() / map_vector(sd_).array())
                             .matrix()
                             .squaredNorm();
  }
}

}  // namespace vinci::infer
