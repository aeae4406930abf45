// What users read of an elimination: how discrete parameters were summed out, and why one is too
// expensive.
#pragma once

#include <string>
#include <vector>

#include "graph/elimination.h"
#include "source/diagnostic.h"

namespace vinci::model {

/// A line for each way and set of parameters: `z: 150 variables of 3 states, enumeration in a
/// plate`, `z: forward-backward over 200 steps of 4 states`.
std::vector<std::string> describe_elimination(const graph::EliminationPlan& plan,
                                              const graph::Graph& graph);

/// The error of a plan that is not affordable: which variables make a clique of how many states.
void report_unaffordable(const graph::EliminationPlan& plan, const graph::Graph& graph,
                         source::DiagnosticSink& sink);

}  // namespace vinci::model
