// SoftLogDensity: log p(theta, z) with weights of the states in place of the discrete parameters.
#pragma once

#include <memory>
#include <string>

#include "exec/plan.h"
#include "graph/graph.h"
#include "vinci/log_density.h"

namespace vinci::model {

/// A point has D + S rows: D unconstrained coordinates, then the weights of all states of all
/// discrete parameters (see graph::soften_states). At weights 0 and 1 it is JointLogDensity.
class SoftLogDensity final : public LogDensity {
 public:
  /// `graph`: as traced, with its discrete variables. Null where there is no such extension;
  /// `reason` says why.
  static std::unique_ptr<SoftLogDensity> make(const graph::Graph& graph, Index num_continuous,
                                              std::string& reason);

  Index dim() const override { return dim_; }
  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override {
    plan_->evaluate(points, value, gradient);
  }

 private:
  SoftLogDensity() = default;

  Index dim_ = 0;
  graph::Graph graph_;
  std::unique_ptr<exec::ExecutionPlan> plan_;
};

}  // namespace vinci::model
