#include "model/state_posterior.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numeric/random/random_stream.h"

namespace vinci::model {

namespace {

/// Stream of the draws of discrete parameters, apart from those of inference.
constexpr uint32_t kStateStream = 0x7a5f7374;

/// p_k = e^{x_k} / sum; false if all are -inf or one is not a number.
bool normalise(std::span<double> x) {
  double top = -std::numeric_limits<double>::infinity();
  for (double v : x) {
    if (std::isnan(v)) return false;
    top = std::max(top, v);
  }
  if (!std::isfinite(top)) return false;
  double sum = 0;
  for (double& v : x) sum += v = std::exp(v - top);
  for (double& v : x) v /= sum;
  return true;
}

}  // namespace

StatePosterior::StatePosterior(const graph::Graph& graph,
                               const std::vector<graph::CliqueTable>& cliques,
                               const std::vector<graph::DiscreteVariable>& variables)
    : cliques_(cliques), variables_(variables) {
  first_state_.push_back(0);
  for (const graph::DiscreteVariable& v : variables) {
    first_state_.push_back(first_state_.back() + v.num_states());
  }
  std::vector<graph::Scalar> entries;
  std::vector<int> clique_of(variables.size(), -1);
  for (size_t c = 0; c < cliques.size(); ++c) {
    first_entry_.push_back(entries.size());
    entries.insert(entries.end(), cliques[c].table.begin(), cliques[c].table.end());
    clique_of[static_cast<size_t>(cliques[c].variable)] = static_cast<int>(c);
  }
  for (const graph::CliqueTable& c : cliques) {
    int parent = -1;
    for (int v : c.scope) {
      const int other = clique_of[static_cast<size_t>(v)];
      if (parent < 0 || other < parent) parent = other;
    }
    parent_.push_back(parent);
  }
  exec::PlanOptions options;
  options.terms = false;
  options.outputs = entries;
  plan_ = std::make_unique<exec::ExecutionPlan>(graph, options);
}

/// visit(lane, tables): the entries of all cliques at the lane.
template <class Visit>
void StatePosterior::for_each_point(LaneMatrix points, Visit visit) const {
  const auto entries = static_cast<Index>(plan_->num_outputs());
  // Blocks of 8 to 64 lanes, within 32 MiB where that is possible.
  const Index block =
      std::clamp<Index>((Index{1} << 22) / std::max<Index>(entries, 1) / 8 * 8, 8, 64);
  std::vector<double> values(static_cast<size_t>(entries * block));
  std::vector<double> tables(static_cast<size_t>(entries));
  for (Index first = 0; first < points.lanes; first += block) {
    const Index used = std::min(block, points.lanes - first);
    plan_->evaluate_outputs(
        {points.data == nullptr ? nullptr : points.data + first, points.rows, used, points.stride},
        {values.data(), entries, used, block});
    for (Index l = 0; l < used; ++l) {
      for (Index e = 0; e < entries; ++e) {
        tables[static_cast<size_t>(e)] = values[static_cast<size_t>(e * block + l)];
      }
      visit(first + l, std::span<const double>(tables));
    }
  }
}

void StatePosterior::sample(LaneMatrix points, uint64_t seed, uint64_t first,
                            MutableLaneMatrix states) const {
  std::vector<int64_t> chosen(variables_.size());
  std::vector<double> p;
  for_each_point(points, [&](Index lane, std::span<const double> tables) {
    numeric::RandomStream random(seed, kStateStream,
                                 static_cast<uint32_t>(first + static_cast<uint64_t>(lane)));
    for (size_t c = cliques_.size(); c-- > 0;) {
      const graph::CliqueTable& clique = cliques_[c];
      size_t at = 0;
      for (int v : clique.scope) {
        at = at * static_cast<size_t>(count(v)) +
             static_cast<size_t>(chosen[static_cast<size_t>(v)]);
      }
      const auto n = static_cast<size_t>(count(clique.variable));
      const double* entry = tables.data() + first_entry_[c] + at * n;
      p.assign(entry, entry + n);
      int64_t& state = chosen[static_cast<size_t>(clique.variable)];
      state = 0;
      const double u = random.uniform();
      if (!normalise(p)) continue;
      double below = 0;
      int64_t last = 0;  // with positive probability
      for (size_t k = 0; k < n; ++k) {
        if (p[k] == 0) continue;
        below += p[k];
        last = static_cast<int64_t>(k);
        if (u < below) break;
      }
      state = last;
    }
    for (size_t m = 0; m < chosen.size(); ++m) {
      states(static_cast<Index>(m), lane) = static_cast<double>(variables_[m].low + chosen[m]);
    }
  });
}

void StatePosterior::add_marginals(LaneMatrix points, std::span<const double> weights,
                                   std::span<double> sum) const {
  std::vector<double> belief;  // p(variable, scope) of every clique
  std::vector<double> scope_belief;
  std::vector<size_t> stride;
  std::vector<int64_t> state;
  for_each_point(points, [&](Index lane, std::span<const double> tables) {
    belief.assign(tables.begin(), tables.end());
    const double weight = weights[static_cast<size_t>(lane)];
    for (size_t c = cliques_.size(); c-- > 0;) {
      const graph::CliqueTable& clique = cliques_[c];
      const auto n = static_cast<size_t>(count(clique.variable));
      const size_t scope_states = clique.table.size() / n;
      // p(scope), from the clique that holds all of it.
      scope_belief.assign(scope_states, clique.scope.empty() ? 1.0 : 0.0);
      if (parent_[c] >= 0) {
        const auto parent = static_cast<size_t>(parent_[c]);
        const graph::CliqueTable& from = cliques_[parent];
        std::vector<int> order = from.scope;
        order.push_back(from.variable);
        stride.assign(order.size(), 0);
        size_t step = 1;
        for (size_t k = clique.scope.size(); k-- > 0;) {
          const auto place = std::find(order.begin(), order.end(), clique.scope[k]) - order.begin();
          stride[static_cast<size_t>(place)] = step;
          step *= static_cast<size_t>(count(clique.scope[k]));
        }
        state.assign(order.size(), 0);
        size_t at = 0;
        for (size_t e = 0; e < from.table.size(); ++e) {
          scope_belief[at] += belief[first_entry_[parent] + e];
          for (size_t k = order.size(); k-- > 0;) {
            at += stride[k];
            if (++state[k] < count(order[k])) break;
            at -= static_cast<size_t>(state[k]) * stride[k];
            state[k] = 0;
          }
        }
      }
      double* to = sum.data() + first_state_[static_cast<size_t>(clique.variable)];
      for (size_t s = 0; s < scope_states; ++s) {
        const std::span<double> p(belief.data() + first_entry_[c] + s * n, n);
        if (scope_belief[s] == 0 || !normalise(p)) {
          std::fill(p.begin(), p.end(), 0.0);
          continue;
        }
        for (size_t k = 0; k < n; ++k) {
          p[k] *= scope_belief[s];
          to[k] += weight * p[k];
        }
      }
    }
  });
}

}  // namespace vinci::model
