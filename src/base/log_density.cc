// What a LogDensity offers by default: Hessian-vector products from differences of its gradients.
#include "vinci/log_density.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"

namespace vinci {

void LogDensity::hessian_vector(LaneMatrix points, LaneMatrix directions,
                                MutableLaneMatrix products) const {
  const Index rows = points.rows, lanes = points.lanes;
  VINCI_CHECK(directions.rows == rows && directions.lanes == lanes && products.rows == rows &&
              products.lanes == lanes);
  if (rows == 0 || lanes == 0) return;
  const auto size = static_cast<size_t>(rows * lanes);
  // x + h v in the first half of the lanes, x - h v in the second.
  std::vector<double> moved(2 * size), gradient(2 * size);
  std::vector<double> value(static_cast<size_t>(2 * lanes)), step(static_cast<size_t>(lanes));
  for (Index l = 0; l < lanes; ++l) {
    double v_max = 0, x_max = 1;
    for (Index r = 0; r < rows; ++r) {
      const double v = std::abs(directions(r, l));
      if (!(v <= v_max)) v_max = v;  // NaN too
      if (v != 0) x_max = std::max(x_max, std::abs(points(r, l)));
    }
    step[static_cast<size_t>(l)] =
        v_max > 0 ? std::cbrt(std::numeric_limits<double>::epsilon() * x_max) / v_max : v_max;
  }
  const MutableLaneMatrix both{moved.data(), rows, 2 * lanes, 2 * lanes};
  const MutableLaneMatrix slope{gradient.data(), rows, 2 * lanes, 2 * lanes};
  for (Index r = 0; r < rows; ++r) {
    for (Index l = 0; l < lanes; ++l) {
      const double change = step[static_cast<size_t>(l)] * directions(r, l);
      both(r, l) = points(r, l) + change;
      both(r, lanes + l) = points(r, l) - change;
    }
  }
  evaluate({moved.data(), rows, 2 * lanes, 2 * lanes}, value, slope);
  const auto has_density = [&](Index lane) {
    return std::isfinite(value[static_cast<size_t>(lane)]);
  };
  std::vector<Index> at_edge;
  for (Index l = 0; l < lanes; ++l) {
    if (!has_density(l) || !has_density(lanes + l)) at_edge.push_back(l);
    const double scale = 0.5 / step[static_cast<size_t>(l)];
    for (Index r = 0; r < rows; ++r) {
      products(r, l) = step[static_cast<size_t>(l)] == 0  // v = 0
                           ? 0
                           : scale * (slope(r, l) - slope(r, lanes + l));
    }
  }
  if (at_edge.empty()) return;
  const auto count = static_cast<Index>(at_edge.size());
  std::vector<double> centre(static_cast<size_t>(rows * count)), centre_slope(centre.size());
  std::vector<double> centre_value(at_edge.size());
  for (Index r = 0; r < rows; ++r) {
    for (Index k = 0; k < count; ++k) {
      centre[static_cast<size_t>(r * count + k)] = points(r, at_edge[static_cast<size_t>(k)]);
    }
  }
  evaluate({centre.data(), rows, count, count}, centre_value,
           {centre_slope.data(), rows, count, count});
  for (Index k = 0; k < count; ++k) {
    const Index l = at_edge[static_cast<size_t>(k)];
    const bool inside = std::isfinite(centre_value[static_cast<size_t>(k)]);
    const bool forward = has_density(l);
    const bool usable = inside && (forward || has_density(lanes + l));
    const double scale = (forward ? 1 : -1) / step[static_cast<size_t>(l)];
    for (Index r = 0; r < rows; ++r) {
      const double side = slope(r, forward ? l : lanes + l);
      const double change = side - centre_slope[static_cast<size_t>(r * count + k)];
      products(r, l) = usable && step[static_cast<size_t>(l)] != 0 ? scale * change : 0;
    }
  }
}

}  // namespace vinci
