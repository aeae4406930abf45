#include "infer/family/parametric_family.h"

#include "infer/dense.h"

namespace vinci::infer {

void ParametricFamily::pathwise_sum(std::span<const double> lambda, LaneMatrix noise,
                                    LaneMatrix points, const Tape* tape, LaneMatrix adjoint,
                                    std::span<double> gradient) const {
  Matrix each(num_params(), points.lanes);
  pathwise(lambda, noise, points, tape, adjoint, mutable_lanes(each));
  for (Index p = 0; p < each.rows(); ++p) gradient[static_cast<size_t>(p)] = each.row(p).sum();
}

}  // namespace vinci::infer
