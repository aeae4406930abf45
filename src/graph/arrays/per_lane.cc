#include "graph/arrays/per_lane.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace vinci::graph {

bool PerLaneFunction::equals(const ArrayFunction& other) const {
  const auto* same = dynamic_cast<const PerLaneFunction*>(&other);
  return same && same->name_ == name_ && same->num_inputs_ == num_inputs_ &&
         same->num_outputs_ == num_outputs_;
}

void PerLaneFunction::forward(const double* const* in, double* const* out, double* /*scratch*/,
                              int lanes) const {
  const auto n_in = static_cast<size_t>(num_inputs_);
  const auto n_out = static_cast<size_t>(num_outputs_);
  std::vector<double> x(n_in);
  std::vector<double> y(n_out);
  for (int lane = 0; lane < lanes; ++lane) {
    for (size_t k = 0; k < n_in; ++k) x[k] = in[k][lane];
    if (!forward_lane(x.data(), y.data()))
      std::fill(y.begin(), y.end(), std::numeric_limits<double>::quiet_NaN());
    for (size_t k = 0; k < n_out; ++k) out[k][lane] = y[k];
  }
}

void PerLaneFunction::reverse(const double* const* in, const double* const* out,
                              const double* const* adjoint_out, double* const* adjoint_in,
                              double* /*scratch*/, int lanes) const {
  const auto n_in = static_cast<size_t>(num_inputs_);
  const auto n_out = static_cast<size_t>(num_outputs_);
  std::vector<double> x(n_in);
  std::vector<double> x_bar(n_in);
  std::vector<double> y(n_out);
  std::vector<double> y_bar(n_out);
  for (int lane = 0; lane < lanes; ++lane) {
    for (size_t k = 0; k < n_in; ++k) x[k] = in[k][lane];
    for (size_t k = 0; k < n_out; ++k) y[k] = out[k][lane];
    for (size_t k = 0; k < n_out; ++k) y_bar[k] = adjoint_out[k][lane];
    std::fill(x_bar.begin(), x_bar.end(), 0.0);
    reverse_lane(x.data(), y.data(), y_bar.data(), x_bar.data());
    for (size_t k = 0; k < n_in; ++k)
      if (adjoint_in[k]) adjoint_in[k][lane] += x_bar[k];
  }
}

}  // namespace vinci::graph
