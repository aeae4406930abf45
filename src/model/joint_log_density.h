// JointLogDensity: log p(theta, z) of a program with discrete parameters z, as a function of the
// unconstrained coordinates of theta and of the states of z. What enumeration in tests, sampling
// estimators and reports work with; Model is the density in which z has been summed out.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "exec/plan.h"
#include "graph/graph.h"
#include "vinci/log_density.h"

namespace vinci::model {

/// A point has dim() = D + M rows: D unconstrained coordinates, then the M states (integers within
/// their bounds, which are not checked). Laws: the log Jacobian of theta is included, as in Model;
/// log sum_z exp(joint) is the Model's density; where a guard fails the value is -inf. Rows D, ...
/// of the gradient are 0.
class JointLogDensity final : public LogDensity {
 public:
  /// `graph`: as traced, with its discrete variables; it outlives this object. `outputs`: what
  /// `constrain` returns. Density and outputs are planned at their first use.
  JointLogDensity(const graph::Graph& graph, int64_t num_continuous,
                  std::vector<graph::Scalar> outputs);

  Index dim() const override { return num_continuous_ + static_cast<Index>(variables_.size()); }
  Index num_continuous() const { return num_continuous_; }
  const std::vector<graph::DiscreteVariable>& discrete_variables() const { return variables_; }

  void evaluate(LaneMatrix points, std::span<double> value,
                MutableLaneMatrix gradient) const override;
  /// The same, with the log density without the Jacobian of the constraint transforms.
  void evaluate(LaneMatrix points, std::span<double> value, MutableLaneMatrix gradient,
                std::span<double> value_no_jacobian) const;
  /// Parameters, discrete ones included, and transformed parameters: constrained[k][lane].
  void constrain(LaneMatrix points, MutableLaneMatrix constrained) const;
  /// The graph that the plan evaluates: discrete variable m is coordinate D + m.
  const graph::Graph& graph() const { return density().graph; }

 private:
  struct Planned {
    graph::Graph graph;
    std::unique_ptr<exec::ExecutionPlan> plan;
  };
  const Planned& density() const;

  const graph::Graph& traced_;
  Index num_continuous_;
  std::vector<graph::DiscreteVariable> variables_;
  std::vector<graph::Scalar> outputs_;
  mutable std::once_flag density_made_, outputs_made_;
  mutable Planned density_, constrained_;
};

}  // namespace vinci::model
