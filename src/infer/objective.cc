#include "infer/objective.h"

#include <cmath>

namespace vinci::infer {

void Objective::evaluate(LaneMatrix points, std::span<double> value, MutableLaneMatrix gradient) {
  density_.evaluate(points, value, gradient);
  int64_t bad = 0;
  // Sums of a row and of values find what is not finite at the cost of one addition each:
  // infinities of opposite sign give NaN, so nothing can hide. (A sum that overflows only costs the
  // look at each lane.)
  double total = 0;
  for (const double v : value) total += v;
  if (gradient.data != nullptr) {
    for (Index r = 0; r < gradient.rows; ++r) {
      for (Index l = 0; l < gradient.lanes; ++l) total += gradient(r, l);
    }
  }
  if (!std::isfinite(total)) {
    for (Index l = 0; l < points.lanes; ++l) {
      double& v = value[static_cast<size_t>(l)];
      bool finite = std::isfinite(v);
      if (gradient.data != nullptr) {
        for (Index r = 0; finite && r < gradient.rows; ++r) finite = std::isfinite(gradient(r, l));
      }
      if (finite) continue;
      ++bad;
      v = -std::numeric_limits<double>::infinity();
      if (gradient.data != nullptr) {
        for (Index r = 0; r < gradient.rows; ++r) gradient(r, l) = 0;
      }
    }
  }
  evaluations_.fetch_add(points.lanes, std::memory_order_relaxed);
  nonfinite_.fetch_add(bad, std::memory_order_relaxed);
}

void Objective::hessian_vector(LaneMatrix points, LaneMatrix directions,
                               MutableLaneMatrix products) {
  density_.hessian_vector(points, directions, products);
  int64_t bad = 0;
  for (Index l = 0; l < products.lanes; ++l) {
    bool finite = true;
    for (Index r = 0; r < products.rows; ++r) finite = finite && std::isfinite(products(r, l));
    if (finite) continue;
    ++bad;
    for (Index r = 0; r < products.rows; ++r) products(r, l) = 0;
  }
  evaluations_.fetch_add(2 * points.lanes, std::memory_order_relaxed);
  nonfinite_.fetch_add(bad, std::memory_order_relaxed);
}

}  // namespace vinci::infer
