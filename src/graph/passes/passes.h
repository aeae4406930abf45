// The passes over a DensityGraph: each a named function from a graph to an equal graph that costs
// less.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace vinci::graph {

/// Terms that are linear combinations become their addends, with weights: constants and shared
/// parts (the -log sigma of n normal densities, the y'X of a logistic regression) are then computed
/// once. Long dot products become their products, which form plates. O(nodes).
void split_terms(Graph& graph);

/// Normal terms that share their scale become their sufficient statistics: observations with one
/// mean their count, mean and spread; a plate that is linear in K parameters the K rows of R and
/// Q'y of a QR factorisation of [X y], where that costs less than the plate. Sums of squares stay
/// sums of squares: nothing cancels.
void fold_sufficient_statistics(Graph& graph);

/// Linear combinations absorb operands that are linear combinations used only there.
void flatten_linear(Graph& graph);

struct Pass {
  const char* name;
  const char* summary;
  void (*run)(Graph&);
};
/// In the order in which they run.
std::span<const Pass> all_passes();

struct PassReport {
  std::string name;
  double seconds;
  int64_t live_nodes;  // after the pass
  int64_t terms;
};

struct PassOptions {
  std::vector<std::string> disabled;  // names of passes to leave out
};

/// Runs the passes that are not disabled.
std::vector<PassReport> run_passes(Graph& graph, const PassOptions& options = {});

/// live[i]: node i is needed by a term, a guard or an output.
std::vector<char> live_nodes(const Graph& graph, std::span<const Scalar> outputs = {},
                             bool terms_and_guards = true);

}  // namespace vinci::graph
