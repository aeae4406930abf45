// Hessian-vector products of a density graph by its tangent graph.
#pragma once

#include <memory>
#include <mutex>

#include "exec/plan.h"
#include "graph/graph.h"
#include "vinci/log_density.h"

namespace vinci::model {

/// The products of one density, in any coordinates. May be used from several threads at once.
class HessianVector {
 public:
  /// `density` is the plan of `graph`; both must outlive the object. Costs nothing before the first
  /// call, which makes the plan: about as much as building the density again without reading it.
  HessianVector(const graph::Graph& graph, const exec::ExecutionPlan& density, Index dim)
      : graph_(graph), density_(density), dim_(dim) {}

  /// Whether graph::tangent_graph has a derivative for every operation.
  bool is_exact() const { return plan() != nullptr; }
  /// As LogDensity::hessian_vector; only where is_exact().
  void evaluate(LaneMatrix points, LaneMatrix directions, MutableLaneMatrix products) const;

 private:
  const exec::ExecutionPlan* plan() const;

  const graph::Graph& graph_;
  const exec::ExecutionPlan& density_;
  Index dim_;
  mutable std::once_flag made_;
  mutable std::unique_ptr<const exec::ExecutionPlan> plan_;  // null: no such graph
};

}  // namespace vinci::model
