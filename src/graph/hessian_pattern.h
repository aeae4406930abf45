// Which second derivatives of a log density vanish identically: read off its graph.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace vinci::graph {

/// Pairs (i, j), i > j, sorted.
using CoordinatePairs = std::vector<std::pair<int32_t, int32_t>>;

/// Pairs of coordinates that meet in a nonlinear operation; all other mixed second derivatives of
/// the log density are zero everywhere. Conservative: a pair may be listed whose derivative
/// vanishes. nullopt where more than `max_pairs` would be listed, or where finding them costs too
/// much: treat the Hessian as dense. O(nodes x coordinates a node depends on).
/// [nonlinear interaction domains: Walther 2008, doi 10.1145/1326548.1326549, sec. 3]
std::optional<CoordinatePairs> hessian_pattern(const Graph& graph, size_t max_pairs);

}  // namespace vinci::graph
