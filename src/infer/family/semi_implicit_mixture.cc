#include "infer/family/semi_implicit_mixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"
#include "numeric/special/normal_mixture.h"

namespace vinci::infer {

SemiImplicitMixture::SemiImplicitMixture(AffineMap frame, std::vector<double> centres,
                                         std::vector<double> sd)
    : frame_(std::move(frame)), centres_(std::move(centres)), sd_(std::move(sd)) {
  const auto d = static_cast<size_t>(dim());
  VINCI_CHECK(d > 0 && sd_.size() == d && !centres_.empty() && centres_.size() % d == 0);
  log_normaliser_ = -frame_.log_abs_det() -
                    0.5 * static_cast<double>(d) * std::log(2 * std::numbers::pi) -
                    std::log(static_cast<double>(count()));
  for (const double s : sd_) log_normaliser_ -= std::log(s);
  for (size_t i = 0; i < centres_.size(); ++i) centres_[i] /= sd_[i % d];
}

std::string SemiImplicitMixture::describe() const {
  return fmt::format("semi-implicit mixture of {} normals", count());
}

void SemiImplicitMixture::draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                               MutableLaneMatrix points, std::span<double> density) const {
  const Index lanes = points.lanes;
  Matrix noise(dim(), lanes);
  numeric::fill_normal(key, step, first_lane, dim(), lanes, noise.data(), lanes);
  Vector choice(lanes);
  numeric::fill_uniform({key.seed, ~key.stream}, step, first_lane, 1, lanes, choice.data(), lanes);
  const auto m = static_cast<double>(count());
  for (Index l = 0; l < lanes; ++l) {
    const Index component = std::min(static_cast<Index>(choice[l] * m), count() - 1);
    for (Index d = 0; d < dim(); ++d) {
      noise(d, l) += centres_[static_cast<size_t>(component * dim() + d)];
      noise(d, l) *= sd_[static_cast<size_t>(d)];
    }
  }
  frame_.forward(lanes_of(noise), points);
  log_q({points.data, points.rows, lanes, points.stride}, density);
}

void SemiImplicitMixture::log_q(LaneMatrix points, std::span<double> density) const {
  using namespace numeric;
  Matrix y(dim(), points.lanes);
  frame_.inverse(points, mutable_lanes(y));
  y.array().colwise() /= map_vector(sd_).array();
  std::vector<double> scratch(static_cast<size_t>(normal_mixture_scratch(dim())));
  NormalMixture job;
  job.dim = dim();
  job.count = count();
  job.centres = centres_.data();
  job.lanes = points.lanes;
  job.points = y.data();
  job.point_stride = y.cols();
  job.log_sum = density.data();
  job.scratch = scratch.data();
  VINCI_SIMD_SELECT(normal_mixture)(job);
  for (double& v : density) v += log_normaliser_;
}

double SemiImplicitMixture::entropy() const {
  if (count() > 1) return std::numeric_limits<double>::quiet_NaN();
  return 0.5 * static_cast<double>(dim()) - log_normaliser_;
}

}  // namespace vinci::infer
