#include "model/soft_log_density.h"

#include <utility>

#include "graph/passes/passes.h"
#include "graph/soft_states.h"

namespace vinci::model {

std::unique_ptr<SoftLogDensity> SoftLogDensity::make(const graph::Graph& graph,
                                                     Index num_continuous, std::string& reason) {
  constexpr double kMaxStates = 256;
  auto soft = graph::soften_states(graph, static_cast<int>(num_continuous), kMaxStates, reason);
  if (!soft) return nullptr;
  std::unique_ptr<SoftLogDensity> result(new SoftLogDensity());
  result->graph_ = std::move(*soft);
  graph::run_passes(result->graph_);
  result->plan_ = std::make_unique<exec::ExecutionPlan>(result->graph_);
  result->dim_ = static_cast<Index>(result->graph_.num_parameters());
  return result;
}

}  // namespace vinci::model
