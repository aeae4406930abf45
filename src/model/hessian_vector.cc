#include "model/hessian_vector.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "graph/tangent.h"

namespace vinci::model {

const exec::ExecutionPlan* HessianVector::plan() const {
  std::call_once(made_, [&] {
    const auto tangent = graph::tangent_graph(graph_, static_cast<int>(dim_));
    if (tangent) plan_ = std::make_unique<exec::ExecutionPlan>(*tangent);
  });
  return plan_.get();
}

void HessianVector::evaluate(LaneMatrix points, LaneMatrix directions,
                             MutableLaneMatrix products) const {
  VINCI_CHECK(is_exact());
  // The gradient of d/dt log p(x + t v) in x; that in v, the gradient of log p, comes with it.
  const Index lanes = points.lanes;
  if (dim_ == 0 || lanes == 0) return;
  std::vector<double> both(static_cast<size_t>(2 * dim_ * lanes)), slope(both.size());
  std::vector<double> value(static_cast<size_t>(lanes));
  for (Index r = 0; r < dim_; ++r) {
    std::copy_n(points.row(r), lanes, &both[static_cast<size_t>(r * lanes)]);
    std::copy_n(directions.row(r), lanes, &both[static_cast<size_t>((dim_ + r) * lanes)]);
  }
  plan_->evaluate({both.data(), 2 * dim_, lanes, lanes}, value,
                  {slope.data(), 2 * dim_, lanes, lanes});
  for (Index r = 0; r < dim_; ++r) {
    std::copy_n(&slope[static_cast<size_t>(r * lanes)], lanes, products.row(r));
  }
  // The derivative may be finite where the density is not, as that of log(x) for x < 0.
  density_.evaluate(points, value, {nullptr, 0, 0, 0});
  for (Index l = 0; l < lanes; ++l) {
    if (std::isfinite(value[static_cast<size_t>(l)])) continue;
    for (Index r = 0; r < dim_; ++r) products(r, l) = 0;
  }
}

}  // namespace vinci::model
