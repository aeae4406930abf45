// The log density by Markov blankets: for each coordinate, continuous or discrete, the terms that
// depend on it. What Rao-Blackwellised estimators and coordinate-wise methods look at.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "exec/plan.h"
#include "model/model.h"
#include "vinci/log_density.h"

namespace vinci::model {

/// The terms of a log density (Jacobians of the constraint transforms included), linear
/// combinations taken apart, grouped by the set of coordinates that they depend on.
class Blankets {
 public:
  /// Cost: D / 64 passes over the graph.
  explicit Blankets(const Model& model) : Blankets(model.graph(), model.dim()) {}
  /// The coordinates are those of the log density that `graph` is: of JointLogDensity, the states
  /// follow the continuous ones.
  Blankets(const graph::Graph& graph, Index dim);

  Index dim() const { return dim_; }
  Index num_terms() const { return static_cast<Index>(weights_.size()); }
  /// How many of the terms depend on coordinate i.
  Index num_terms_of(Index i) const { return num_terms_of_[static_cast<size_t>(i)]; }

  /// A colour from 0 on for each of the coordinates first, ..., dim() - 1, so that no term depends
  /// on two of one colour; few colours, chosen greedily in order. O(sum over coordinates and their
  /// groups of colours).
  std::vector<int32_t> colours(Index first) const;

  /// sums[i][lane] = sum of the terms that depend on coordinate i; points, sums: [D][lanes]. What
  /// depends on nothing is left out. Where the density is zero the sums mean nothing. Cost: one
  /// value of the density without its plates, and D x (number of groups) additions.
  void evaluate(LaneMatrix points, MutableLaneMatrix sums) const;

 private:
  Index dim_ = 0;
  std::unique_ptr<exec::ExecutionPlan> plan_;    // its outputs are the terms' nodes
  std::vector<double> weights_;                  // of each output
  std::vector<int32_t> group_of_;                // of each output
  std::vector<std::vector<int32_t>> groups_of_;  // of each coordinate
  std::vector<Index> num_terms_of_;
  Index num_groups_ = 0;
};

}  // namespace vinci::model
