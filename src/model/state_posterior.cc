#include "model/state_posterior.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numeric/random/random_stream.h"
#include "numeric/special/row_functions.h"

namespace vinci::model {

namespace {

/// Stream of the draws of discrete parameters, apart from those of inference.
constexpr uint32_t kStateStream = 0x7a5f7374;

/// p[k][lane] <- e^{x_k} / sum_k e^{x_k}, by lane, `lanes` apart; 0 where all x are -inf or one is
/// not a number.
class Softmax {
 public:
  void operator()(double* x, size_t n, Index lanes) {
    const auto width = static_cast<size_t>(lanes);
    top_.assign(width, -std::numeric_limits<double>::infinity());
    sum_.assign(width, 0.0);
    for (size_t k = 0; k < n; ++k)
      for (size_t l = 0; l < width; ++l) top_[l] = std::max(x[k * width + l], top_[l]);
    for (size_t k = 0; k < n; ++k)
      for (size_t l = 0; l < width; ++l)
        x[k * width + l] = std::isfinite(top_[l]) ? x[k * width + l] - top_[l] : -kInf;
    using namespace numeric;  // which the macro looks into
    VINCI_SIMD_SELECT(row_function)
    (RowFunction::exp, x, nullptr, x, static_cast<int64_t>(n * width));
    for (size_t k = 0; k < n; ++k)
      for (size_t l = 0; l < width; ++l) sum_[l] += x[k * width + l];
    for (size_t l = 0; l < width; ++l) sum_[l] = sum_[l] > 0 ? 1 / sum_[l] : 0;
    for (size_t k = 0; k < n; ++k)
      for (size_t l = 0; l < width; ++l)
        x[k * width + l] = sum_[l] > 0 ? x[k * width + l] * sum_[l] : 0;
  }

 private:
  static constexpr double kInf = std::numeric_limits<double>::infinity();
  std::vector<double> top_, sum_;
};

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

/// visit(first, lanes, tables): the entries of all cliques at some lanes, tables[entry][lane].
template <class Visit>
void StatePosterior::for_each_block(LaneMatrix points, Visit visit) const {
  const auto entries = static_cast<Index>(plan_->num_outputs());
  // Blocks of 8 to 64 lanes, within 32 MiB where that is possible.
  const Index block =
      std::clamp<Index>((Index{1} << 22) / std::max<Index>(entries, 1) / 8 * 8, 8, 64);
  std::vector<double> tables(static_cast<size_t>(entries * block));
  for (Index first = 0; first < points.lanes; first += block) {
    const Index used = std::min(block, points.lanes - first);
    plan_->evaluate_outputs(
        {points.data == nullptr ? nullptr : points.data + first, points.rows, used, points.stride},
        {tables.data(), entries, used, used});
    visit(first, used, tables.data());
  }
}

void StatePosterior::sample(LaneMatrix points, uint64_t seed, uint64_t first,
                            MutableLaneMatrix states) const {
  std::vector<size_t> chosen, row;  // [variable][lane]; [lane]
  std::vector<double> p;            // [state][lane]
  Softmax softmax;
  for_each_block(points, [&](Index begin, Index lanes, const double* tables) {
    const auto width = static_cast<size_t>(lanes);
    std::vector<numeric::RandomStream> random;
    for (size_t l = 0; l < width; ++l)
      random.emplace_back(seed, kStateStream,
                          static_cast<uint32_t>(first + static_cast<uint64_t>(begin) + l));
    chosen.assign(variables_.size() * width, 0);
    for (size_t c = cliques_.size(); c-- > 0;) {
      const graph::CliqueTable& clique = cliques_[c];
      const auto n = static_cast<size_t>(count(clique.variable));
      row.assign(width, 0);
      for (int v : clique.scope) {
        const auto num_states = static_cast<size_t>(count(v));
        const size_t* state = chosen.data() + static_cast<size_t>(v) * width;
        for (size_t l = 0; l < width; ++l) row[l] = row[l] * num_states + state[l];
      }
      p.resize(n * width);
      const double* table = tables + first_entry_[c] * width;
      for (size_t k = 0; k < n; ++k)
        for (size_t l = 0; l < width; ++l) p[k * width + l] = table[(row[l] * n + k) * width + l];
      softmax(p.data(), n, lanes);
      for (size_t l = 0; l < width; ++l) {
        const double u = random[l].uniform();
        double below = 0;
        size_t last = 0;  // with positive probability
        for (size_t k = 0; k < n && u >= below; ++k) {
          const double mass = p[k * width + l];
          below += mass;
          if (mass > 0) last = k;
        }
        chosen[static_cast<size_t>(clique.variable) * width + l] = last;
      }
    }
    for (size_t m = 0; m < variables_.size(); ++m)
      for (size_t l = 0; l < width; ++l)
        states(static_cast<Index>(m), begin + static_cast<Index>(l)) =
            static_cast<double>(variables_[m].low + static_cast<int64_t>(chosen[m * width + l]));
  });
}

void StatePosterior::add_marginals(LaneMatrix points, std::span<const double> weights,
                                   std::span<double> sum) const {
  std::vector<double> scope_belief;  // p(scope), [state][lane]
  std::vector<size_t> stride;
  std::vector<int64_t> state;
  Softmax softmax;
  // The tables become p(variable, scope) of every clique.
  for_each_block(points, [&](Index begin, Index lanes, double* belief) {
    const auto width = static_cast<size_t>(lanes);
    const double* weight = weights.data() + begin;
    for (size_t c = cliques_.size(); c-- > 0;) {
      const graph::CliqueTable& clique = cliques_[c];
      const auto n = static_cast<size_t>(count(clique.variable));
      const size_t scope_states = clique.table.size() / n;
      // p(scope), from the clique that holds all of it.
      scope_belief.assign(scope_states * width, clique.scope.empty() ? 1.0 : 0.0);
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
          const double* entry = belief + (first_entry_[parent] + e) * width;
          for (size_t l = 0; l < width; ++l) scope_belief[at * width + l] += entry[l];
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
        double* p = belief + (first_entry_[c] + s * n) * width;
        softmax(p, n, lanes);
        for (size_t k = 0; k < n; ++k) {
          double added = 0;
          for (size_t l = 0; l < width; ++l) {
            p[k * width + l] *= scope_belief[s * width + l];
            added += weight[l] * p[k * width + l];
          }
          to[k] += added;
        }
      }
    }
  });
}

}  // namespace vinci::model
