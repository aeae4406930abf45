#include "model/joint_log_density.h"

#include <algorithm>

#include "graph/passes/passes.h"
#include "graph/substitution.h"

namespace vinci::model {

JointLogDensity::JointLogDensity(const graph::Graph& graph, int64_t num_continuous,
                                 std::vector<graph::Scalar> outputs)
    : traced_(graph),
      num_continuous_(num_continuous),
      variables_(graph.discrete_variables()),
      outputs_(std::move(outputs)) {}

const JointLogDensity::Planned& JointLogDensity::density() const {
  std::call_once(density_made_, [&] {
    std::vector<graph::Scalar> none;
    density_.graph = graph::expand_choices(traced_, static_cast<int>(num_continuous_), none, true);
    graph::run_passes(density_.graph);
    density_.plan = std::make_unique<exec::ExecutionPlan>(density_.graph);
  });
  return density_;
}

void JointLogDensity::evaluate(LaneMatrix points, std::span<double> value,
                               MutableLaneMatrix gradient) const {
  evaluate(points, value, gradient, {});
}

void JointLogDensity::evaluate(LaneMatrix points, std::span<double> value,
                               MutableLaneMatrix gradient,
                               std::span<double> value_no_jacobian) const {
  density().plan->evaluate(points, value, gradient, value_no_jacobian);
  if (gradient.data == nullptr) return;
  for (Index row = num_continuous_; row < gradient.rows; ++row) {
    std::fill_n(gradient.row(row), gradient.lanes, 0.0);
  }
}

void JointLogDensity::constrain(LaneMatrix points, MutableLaneMatrix constrained) const {
  std::call_once(outputs_made_, [&] {
    std::vector<graph::Scalar> outputs = outputs_;
    constrained_.graph =
        graph::expand_choices(traced_, static_cast<int>(num_continuous_), outputs, false);
    exec::PlanOptions options;
    options.terms = false;
    options.outputs = outputs;
    constrained_.plan = std::make_unique<exec::ExecutionPlan>(constrained_.graph, options);
  });
  constrained_.plan->evaluate_outputs(points, constrained);
}

}  // namespace vinci::model
