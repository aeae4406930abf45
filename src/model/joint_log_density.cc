#include "model/joint_log_density.h"

#include <algorithm>

#include "graph/passes/passes.h"
#include "graph/substitution.h"

namespace vinci::model {

JointLogDensity::JointLogDensity(const graph::Graph& graph, int64_t num_continuous,
                                 std::vector<graph::Scalar> outputs)
    : num_continuous_(num_continuous),
      variables_(graph.discrete_variables()),
      outputs_(std::move(outputs)),
      graph_(graph::expand_choices(graph, static_cast<int>(num_continuous), outputs_)) {
  graph::run_passes(graph_);
  plan_ = std::make_unique<exec::ExecutionPlan>(graph_);
  exec::PlanOptions options;
  options.terms = false;
  options.outputs = outputs_;
  output_plan_ = std::make_unique<exec::ExecutionPlan>(graph_, options);
}

void JointLogDensity::evaluate(LaneMatrix points, std::span<double> value,
                               MutableLaneMatrix gradient) const {
  evaluate(points, value, gradient, {});
}

void JointLogDensity::evaluate(LaneMatrix points, std::span<double> value,
                               MutableLaneMatrix gradient,
                               std::span<double> value_no_jacobian) const {
  plan_->evaluate(points, value, gradient, value_no_jacobian);
  for (Index row = num_continuous_; row < gradient.rows; ++row) {
    std::fill_n(gradient.row(row), gradient.lanes, 0.0);
  }
}

void JointLogDensity::constrain(LaneMatrix points, MutableLaneMatrix constrained) const {
  output_plan_->evaluate_outputs(points, constrained);
}

}  // namespace vinci::model
