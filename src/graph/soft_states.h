// The log density at soft states: its multilinear extension, what relaxations take the place of
// discrete variables with.
#pragma once

#include <optional>
#include <string>

#include "graph/graph.h"

namespace vinci::graph {

/// A density over [num_continuous + S]: S weights, those of the states of the first discrete
/// variable, then of the second, .... A term t of discrete variables z_1, ..., z_r becomes
///     sum over their joint states s of w_1[s_1] ... w_r[s_r] t(s),
/// which is t at weights 0 and 1. Guards must hold in all states. nullopt where a term has more
/// than `max_states` joint states or density zero in one of them; `reason` then says so, for a
/// person. Cost: each term once for each joint state.
std::optional<Graph> soften_states(const Graph& graph, int num_continuous, double max_states,
                                   std::string& reason);

}  // namespace vinci::graph
