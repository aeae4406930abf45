#include "infer/parallel_log_density.h"

#include <algorithm>

namespace vinci::infer {

namespace {
constexpr Index kBlock = 64;
}  // namespace

void ParallelLogDensity::evaluate(LaneMatrix points, std::span<double> value,
                                  MutableLaneMatrix gradient) const {
  const Index blocks = (points.lanes + kBlock - 1) / kBlock;
  pool_.parallel_for(blocks, [&](Index block) {
    const Index first = block * kBlock;
    const Index width = std::min(kBlock, points.lanes - first);
    MutableLaneMatrix block_gradient = gradient;
    if (gradient.data != nullptr) {
      block_gradient = {gradient.data + first, gradient.rows, width, gradient.stride};
    }
    density_.evaluate({points.data + first, points.rows, width, points.stride},
                      value.subspan(static_cast<size_t>(first), static_cast<size_t>(width)),
                      block_gradient);
  });
}

void ParallelLogDensity::hessian_vector(LaneMatrix points, LaneMatrix directions,
                                        MutableLaneMatrix products) const {
  const Index blocks = (points.lanes + kBlock - 1) / kBlock;
  pool_.parallel_for(blocks, [&](Index block) {
    const Index first = block * kBlock;
    const Index width = std::min(kBlock, points.lanes - first);
    density_.hessian_vector({points.data + first, points.rows, width, points.stride},
                            {directions.data + first, directions.rows, width, directions.stride},
                            {products.data + first, products.rows, width, products.stride});
  });
}

}  // namespace vinci::infer
