// Array functions computed for one lane at a time, by libraries that know nothing of lanes.
#pragma once

#include <string>
#include <utility>

#include "graph/graph.h"

namespace vinci::graph {

/// Gathers each lane's numbers, calls the derived class, scatters the results. Results that are not
/// all finite become NaN unless `keeps_infinite`.
class PerLaneFunction : public ArrayFunction {
 public:
  PerLaneFunction(std::string name, int num_inputs, int num_outputs)
      : name_(std::move(name)), num_inputs_(num_inputs), num_outputs_(num_outputs) {}

  std::string name() const override { return name_; }
  int num_inputs() const override { return num_inputs_; }
  int num_outputs() const override { return num_outputs_; }
  bool equals(const ArrayFunction& other) const override;
  void forward(const double* const* in, double* const* out, double* scratch,
               int lanes) const override;
  void reverse(const double* const* in, const double* const* out, const double* const* adjoint_out,
               double* const* adjoint_in, double* scratch, int lanes) const override;

 protected:
  /// Returns false where the function fails.
  virtual bool forward_lane(const double* in, double* out) const = 0;
  /// adjoint_in = (not +=) the adjoints; it comes in as zeros.
  virtual void reverse_lane(const double* in, const double* out, const double* adjoint_out,
                            double* adjoint_in) const = 0;

 private:
  std::string name_;  // with its sizes: equal names mean equal functions
  int num_inputs_;
  int num_outputs_;
};

}  // namespace vinci::graph
