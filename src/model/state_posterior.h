// StatePosterior: what is known of discrete parameters that were summed out. Given the continuous
// parameters, their posterior is read off the clique tables of the elimination: exact marginal
// probabilities, and joint draws by backward sampling.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "exec/plan.h"
#include "graph/elimination.h"
#include "vinci/log_density.h"

namespace vinci::model {

class StatePosterior {
 public:
  /// `graph` holds the values of the tables; both outlive this object.
  StatePosterior(const graph::Graph& graph, const std::vector<graph::CliqueTable>& cliques,
                 const std::vector<graph::DiscreteVariable>& variables);

  /// Draws of all variables from p(z | theta): states[m][lane], theta the points [D][lanes]. Lane l
  /// uses the random stream (seed, first + l). A point of density zero gives the lowest states.
  void sample(LaneMatrix points, uint64_t seed, uint64_t first, MutableLaneMatrix states) const;

  /// Adds p(z_m = k | theta) of every lane, times its weight, to sum[first_state(m) + k]: exact
  /// given theta, by a pass from the last clique back to the first. Points of density zero add
  /// nothing.
  void add_marginals(LaneMatrix points, std::span<const double> weights,
                     std::span<double> sum) const;
  int64_t first_state(size_t variable) const { return first_state_[variable]; }
  int64_t num_states() const { return first_state_.back(); }

 private:
  template <class Visit>
  void for_each_block(LaneMatrix points, Visit visit) const;
  int64_t count(int v) const { return variables_[static_cast<size_t>(v)].num_states(); }

  const std::vector<graph::CliqueTable>& cliques_;
  const std::vector<graph::DiscreteVariable>& variables_;
  std::unique_ptr<exec::ExecutionPlan> plan_;
  std::vector<int64_t> first_state_;  // of each variable; at the end their number
  std::vector<size_t> first_entry_;   // of each clique's table among the plan's outputs
  std::vector<int> parent_;           // clique of the scope's first variable; -1: none
};

}  // namespace vinci::model
