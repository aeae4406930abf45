#include "infer/family/mixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"
#include "numeric/random/random_stream.h"

namespace vinci::infer {

Mixture::Mixture(std::vector<NormalPtr> components, std::vector<double> weights)
    : components_(std::move(components)), weights_(std::move(weights)) {
  VINCI_CHECK(!components_.empty() && components_.size() == weights_.size());
  double total = 0;
  for (const double w : weights_) total += w;
  VINCI_CHECK(total > 0 && std::isfinite(total));
  for (double& w : weights_) w /= total;
}

std::string Mixture::describe() const {
  return fmt::format("mixture of {}: {}", components_.size(), components_.front()->describe());
}

void Mixture::draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                   MutableLaneMatrix points, std::span<double> density) const {
  // The choice of a lane's component comes from a stream of its own, numbered like the lane.
  std::vector<std::vector<Index>> lanes_of_part(components_.size());
  for (Index l = 0; l < points.lanes; ++l) {
    const uint32_t lane = first_lane + static_cast<uint32_t>(l);
    numeric::RandomStream choice(key.seed ^ (static_cast<uint64_t>(step) << 32), ~key.stream, lane);
    lanes_of_part[static_cast<size_t>(choice.categorical(weights_))].push_back(l);
  }
  Matrix noise(points.rows, points.lanes);
  numeric::fill_normal(key, step, first_lane, noise.rows(), noise.cols(), noise.data(),
                       noise.cols());
  StridedMap z = map_lanes(points);
  for (size_t k = 0; k < components_.size(); ++k) {
    if (lanes_of_part[k].empty()) continue;
    const Matrix mine = noise(Eigen::all, lanes_of_part[k]);
    Matrix placed(mine.rows(), mine.cols());
    components_[k]->reparameterise(lanes_of(mine), mutable_lanes(placed));
    z(Eigen::all, lanes_of_part[k]) = placed;
  }
  log_q({points.data, points.rows, points.lanes, points.stride}, density);
}

void Mixture::log_q(LaneMatrix points, std::span<double> density) const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> part(density.size());
  std::vector<double> largest(density.size(), -kInfinity);
  std::vector<double> sum(density.size(), 0.0);
  for (size_t k = 0; k < components_.size(); ++k) {
    if (weights_[k] == 0) continue;
    components_[k]->log_q(points, part);
    const double log_weight = std::log(weights_[k]);
    for (size_t l = 0; l < part.size(); ++l) {
      const double x = part[l] + log_weight;
      if (!(x > -kInfinity)) continue;
      if (x > largest[l]) {
        sum[l] = sum[l] * std::exp(largest[l] - x) + 1;
        largest[l] = x;
      } else {
        sum[l] += std::exp(x - largest[l]);
      }
    }
  }
  for (size_t l = 0; l < part.size(); ++l) density[l] = largest[l] + std::log(sum[l]);
}

double Mixture::entropy() const {
  return components_.size() == 1 ? components_.front()->entropy()
                                 : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace vinci::infer
