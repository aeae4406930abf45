#include "graph/elimination.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "graph/passes/passes.h"
#include "graph/substitution.h"

namespace vinci::graph {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// The discrete variables below each term and guard.
class Scopes {
 public:
  explicit Scopes(const Graph& graph) : graph_(graph), seen_(graph.nodes().size(), 0) {}

  /// Sorted. Stops at more than `kMost` variables: no elimination affords such a factor.
  std::vector<int> of(NodeIndex root) {
    ++epoch_;
    std::vector<int> scope;
    stack_.assign(1, root);
    while (!stack_.empty()) {
      const NodeIndex top = stack_.back();
      stack_.pop_back();
      uint32_t& seen = seen_[static_cast<size_t>(top)];
      if (seen == epoch_) continue;
      seen = epoch_;
      const Node& node = graph_.node(top);
      if (node.op == Op::kDiscrete) {
        scope.push_back(static_cast<int>(node.first_operand));
        if (scope.size() > kMost) break;
        continue;
      }
      const auto operands = node.op == Op::kElement
                                ? std::span<const Operand>(
                                      graph_.array_calls()[static_cast<size_t>(node.array)].inputs)
                            : node.op == Op::kParameter ? std::span<const Operand>()
                                                        : graph_.operands(node);
      for (Operand o : operands) {
        if (!o.is_constant() && depends(o.node_index())) stack_.push_back(o.node_index());
      }
    }
    std::sort(scope.begin(), scope.end());
    return scope;
  }

  void set_dependence(const Substitution* substitution) { dependence_ = substitution; }

 private:
  static constexpr size_t kMost = 64;
  bool depends(NodeIndex node) const { return dependence_->depends(node); }

  const Graph& graph_;
  const Substitution* dependence_ = nullptr;
  std::vector<uint32_t> seen_;
  uint32_t epoch_ = 0;
  std::vector<NodeIndex> stack_;
};

/// Terms and guards of one scope.
struct Factor {
  std::vector<int> scope;
  std::vector<int32_t> terms;   // into Graph::terms()
  std::vector<int32_t> guards;  // into Graph::guards()
};

std::vector<Factor> factors_of(const Graph& graph, const Substitution& dependence) {
  Scopes scopes(graph);
  scopes.set_dependence(&dependence);
  std::vector<Factor> factors;
  std::map<std::vector<int>, size_t> by_scope;
  const auto factor = [&](NodeIndex node) -> Factor& {
    std::vector<int> scope = scopes.of(node);
    const auto [entry, is_new] = by_scope.try_emplace(scope, factors.size());
    if (is_new) factors.push_back({std::move(scope), {}, {}});
    return factors[entry->second];
  };
  for (size_t t = 0; t < graph.terms().size(); ++t) {
    const NodeIndex node = graph.terms()[t].node;
    if (dependence.depends(node)) factor(node).terms.push_back(static_cast<int32_t>(t));
  }
  for (size_t g = 0; g < graph.guards().size(); ++g) {
    const NodeIndex node = graph.guards()[g].node;
    if (dependence.depends(node)) factor(node).guards.push_back(static_cast<int32_t>(g));
  }
  return factors;
}

double num_states(const Graph& graph, std::span<const int> variables) {
  double n = 1;
  for (int v : variables) {
    n *= static_cast<double>(graph.discrete_variables()[static_cast<size_t>(v)].num_states());
  }
  return n;
}

/// Which variables share a factor; changes as variables are eliminated.
class Neighbours {
 public:
  Neighbours(const Graph& graph, const std::vector<Factor>& factors)
      : adjacent_(graph.discrete_variables().size()), log_states_(adjacent_.size()) {
    for (size_t v = 0; v < adjacent_.size(); ++v) {
      log_states_[v] = std::log2(static_cast<double>(graph.discrete_variables()[v].num_states()));
    }
    log_clique_ = log_states_;
    for (const Factor& f : factors) {
      for (size_t i = 0; i < f.scope.size(); ++i) {
        for (size_t j = i + 1; j < f.scope.size(); ++j) connect(f.scope[i], f.scope[j]);
      }
    }
  }

  const std::vector<int>& of(int v) const { return adjacent_[static_cast<size_t>(v)]; }

  /// Size of the clique that eliminating v makes, then the edges it adds.
  std::pair<int64_t, int64_t> weight(int v) const {
    constexpr double kResolution = 1e6;  // sums of logarithms are equal up to rounding
    return {std::llround(log_clique_[static_cast<size_t>(v)] * kResolution), fill(v)};
  }

  void eliminate(int v) {
    const std::vector<int> scope = of(v);
    for (int u : scope) {
      erase(u, v);
      log_clique_[static_cast<size_t>(u)] -= log_states_[static_cast<size_t>(v)];
    }
    for (size_t i = 0; i < scope.size(); ++i) {
      for (size_t j = i + 1; j < scope.size(); ++j) connect(scope[i], scope[j]);
    }
  }

 private:
  bool are_adjacent(int a, int b) const {
    return std::binary_search(of(a).begin(), of(a).end(), b);
  }
  void connect(int a, int b) {
    if (are_adjacent(a, b)) return;
    insert(a, b);
    insert(b, a);
    log_clique_[static_cast<size_t>(a)] += log_states_[static_cast<size_t>(b)];
    log_clique_[static_cast<size_t>(b)] += log_states_[static_cast<size_t>(a)];
  }
  void insert(int a, int b) {
    auto& list = adjacent_[static_cast<size_t>(a)];
    list.insert(std::lower_bound(list.begin(), list.end(), b), b);
  }
  void erase(int a, int b) {
    auto& list = adjacent_[static_cast<size_t>(a)];
    list.erase(std::lower_bound(list.begin(), list.end(), b));
  }
  int64_t fill(int v) const {
    constexpr size_t kMostCounted = 32;  // beyond, the clique decides anyway
    const std::vector<int>& list = of(v);
    const auto n = static_cast<int64_t>(list.size());
    if (list.size() > kMostCounted) return n * n;
    int64_t missing = 0;
    for (size_t i = 0; i < list.size(); ++i) {
      for (size_t j = i + 1; j < list.size(); ++j)
        missing += are_adjacent(list[i], list[j]) ? 0 : 1;
    }
    return missing;
  }

  std::vector<std::vector<int>> adjacent_;  // sorted
  std::vector<double> log_states_;
  std::vector<double> log_clique_;
};

}  // namespace

EliminationPlan plan_elimination(Graph& graph, const EliminationOptions& options) {
  split_terms(graph);
  EliminationPlan plan;
  const size_t n = graph.discrete_variables().size();
  Graph unused;
  const Substitution dependence(graph, unused);
  const std::vector<Factor> factors = factors_of(graph, dependence);

  // Components, by union-find.
  std::vector<int> root(n);
  std::iota(root.begin(), root.end(), 0);
  const auto find = [&](int v) {
    while (root[static_cast<size_t>(v)] != v) {
      int& up = root[static_cast<size_t>(v)];
      up = root[static_cast<size_t>(up)];
      v = up;
    }
    return v;
  };
  for (const Factor& f : factors) {
    for (int v : f.scope) root[static_cast<size_t>(find(v))] = find(f.scope[0]);
  }
  std::vector<int> component(n, -1);
  for (size_t v = 0; v < n; ++v) {
    int& c = component[static_cast<size_t>(find(static_cast<int>(v)))];
    if (c < 0) c = plan.num_components++;
  }

  std::vector<std::vector<size_t>> factors_at(n);
  for (size_t f = 0; f < factors.size(); ++f) {
    for (int v : factors[f].scope) factors_at[static_cast<size_t>(v)].push_back(f);
  }
  std::vector<char> used(factors.size(), 0);

  const auto note_clique = [&](std::vector<int> clique, double states, source::Span span) {
    if (states <= plan.largest_states) return;
    plan.largest_states = states;
    plan.largest_clique = std::move(clique);
    plan.largest_span = span;
  };
  const auto span_of = [&](const Factor& f) {
    return f.terms.empty() ? graph.guards()[static_cast<size_t>(f.guards[0])].span
                           : graph.terms()[static_cast<size_t>(f.terms[0])].span;
  };
  for (const Factor& f : factors) {
    const double states = num_states(graph, f.scope);
    if (states > options.max_cost) {
      note_clique(f.scope, states, span_of(f));
      plan.is_affordable = false;
      plan.cost = kInf;
    }
  }
  if (!plan.is_affordable) return plan;

  Neighbours neighbours(graph, factors);
  using Entry = std::tuple<int64_t, int64_t, int>;
  std::set<Entry> queue;
  std::vector<Entry> entry(n);
  const auto put = [&](int v) {
    const auto [states, fill] = neighbours.weight(v);
    entry[static_cast<size_t>(v)] = {states, fill, v};
    queue.insert(entry[static_cast<size_t>(v)]);
  };
  for (size_t v = 0; v < n; ++v) put(static_cast<int>(v));
  while (!queue.empty()) {
    const int v = std::get<2>(*queue.begin());
    queue.erase(queue.begin());
    std::vector<int> clique = neighbours.of(v);
    EliminationStep step{v, clique, 0, component[static_cast<size_t>(find(v))]};
    clique.push_back(v);
    step.num_states = num_states(graph, clique);
    source::Span span;
    double parts = 1;  // a message or a first factor
    for (size_t f : factors_at[static_cast<size_t>(v)]) {
      if (used[f]) continue;
      used[f] = 1;
      if (!span.valid()) span = span_of(factors[f]);
      plan.cost += num_states(graph, factors[f].scope) *
                   static_cast<double>(factors[f].terms.size() + factors[f].guards.size());
      parts += 1;
    }
    plan.cost += step.num_states * std::min(parts, 3.0);
    std::sort(clique.begin(), clique.end());
    note_clique(clique, step.num_states, span);
    if (plan.cost > options.max_cost) {
      plan.is_affordable = false;
      return plan;
    }
    // Eliminating v changes the clique of its neighbours, and the fill of theirs.
    for (int u : step.scope) queue.erase(entry[static_cast<size_t>(u)]);
    neighbours.eliminate(v);
    for (int u : step.scope) put(u);
    plan.steps.push_back(std::move(step));
  }
  return plan;
}

// ---- carrying it out

namespace {

/// A function of a few discrete variables: value at every joint state, the last variable fastest.
struct Table {
  std::vector<int> scope;  // sorted
  std::vector<Scalar> values;
  source::Span span;
};

class Eliminator {
 public:
  Eliminator(const Graph& graph, const EliminationPlan& plan)
      : from_(graph), plan_(plan), copy_(graph, result_.graph) {}

  Elimination run(std::span<const Scalar> outputs) {
    Graph& to = result_.graph;
    if (from_.num_parameters() > 0) to.parameter(from_.num_parameters() - 1);
    for (const bool is_jacobian : {false, true}) {
      to.add_term(from_.constant_term(is_jacobian), {}, is_jacobian);
    }
    for (const Guard& g : from_.guards()) {
      if (!copy_.depends(g.node)) to.require(g.kind, copy_.copy(g.node), g.span, g.what);
    }
    for (const Term& t : from_.terms()) {
      if (!copy_.depends(t.node)) {
        to.add_term(copy_.copy(t.node), t.span, t.is_jacobian, t.weight);
      }
    }
    const size_t n = from_.discrete_variables().size();
    tables_at_.resize(n);
    factors_ = factors_of(from_, copy_);
    factors_at_.resize(n);
    for (size_t f = 0; f < factors_.size(); ++f) {
      for (int v : factors_[f].scope) factors_at_[static_cast<size_t>(v)].push_back(f);
    }
    used_.assign(factors_.size(), 0);
    for (const EliminationStep& step : plan_.steps) eliminate(step);
    for (const Scalar& s : outputs) {
      result_.outputs.push_back(!s.is_constant() && copy_.depends(s.index())
                                    ? Scalar(std::numeric_limits<double>::quiet_NaN())
                                    : copy_.copy(s));
    }
    return std::move(result_);
  }

 private:
  int64_t count(int v) const {
    return from_.discrete_variables()[static_cast<size_t>(v)].num_states();
  }

  /// 0 where the condition holds, -inf where it fails; `x` a constant or a value.
  static Scalar log_condition(Graph& to, Guard::Kind kind, Scalar x, Scalar value) {
    if (x.is_constant()) return holds(kind, x.constant()) ? value : Scalar(-kInf);
    Scalar inside;
    switch (kind) {
      case Guard::Kind::kPositive:
        if (to.is_positive(x)) return value;
        inside = to.less(0.0, x);
        break;
      case Guard::Kind::kNonNegative:
        if ((to.range(x) & kRangeNonNegative) != 0) return value;
        inside = to.apply(Op::kLessEqual, 0.0, x);
        break;
      case Guard::Kind::kInUnitInterval:
        inside = to.mul(to.apply(Op::kLessEqual, 0.0, x), to.apply(Op::kLessEqual, x, 1.0));
        break;
      case Guard::Kind::kNonZero:
        if (to.is_positive(x)) return value;
        inside = to.add(to.less(0.0, x), to.less(x, 0.0));
        break;
      case Guard::Kind::kNotNan:
        inside = to.apply(Op::kEqual, x, x);
        break;
      case Guard::Kind::kNever:
        return -kInf;
    }
    return to.select(inside, value, -kInf);
  }

  Table tabulate(const Factor& f) {
    Graph& to = result_.graph;
    Table table{f.scope, {}, {}};
    const std::vector<Term>& terms = from_.terms();
    table.span = f.terms.empty() ? from_.guards()[static_cast<size_t>(f.guards[0])].span
                                 : terms[static_cast<size_t>(f.terms[0])].span;
    std::vector<int64_t> state(f.scope.size(), 0);
    std::vector<double> weights;
    std::vector<Scalar> parts;
    for (bool more = true; more;) {
      for (size_t k = 0; k < state.size(); ++k) {
        const DiscreteVariable& v = from_.discrete_variables()[static_cast<size_t>(f.scope[k])];
        copy_.assign(f.scope[k], static_cast<double>(v.low + state[k]));
      }
      weights.clear();
      parts.clear();
      bool is_zero = false;
      for (const int32_t g : f.guards) {
        const Guard& guard = from_.guards()[static_cast<size_t>(g)];
        const Scalar x = copy_.copy(guard.node);
        is_zero = is_zero || (x.is_constant() && !holds(guard.kind, x.constant()));
      }
      for (const int32_t t : f.terms) {
        if (is_zero) break;
        const Term& term = terms[static_cast<size_t>(t)];
        const Scalar x = copy_.copy(term.node);
        is_zero = x.is_constant() && term.weight * x.constant() == -kInf;
        weights.push_back(term.weight);
        parts.push_back(x);
      }
      Scalar value = is_zero ? Scalar(-kInf) : to.lincomb(0, weights, parts);
      for (const int32_t g : f.guards) {
        if (is_zero) break;
        const Guard& guard = from_.guards()[static_cast<size_t>(g)];
        value = log_condition(to, guard.kind, copy_.copy(guard.node), value);
      }
      table.values.push_back(value);
      more = false;
      for (size_t k = state.size(); k-- > 0;) {
        if (++state[k] < count(f.scope[k])) {
          more = true;
          break;
        }
        state[k] = 0;
      }
    }
    return table;
  }

  /// values += other, of one scope.
  void merge(Table& into, const Table& other) {
    for (size_t s = 0; s < into.values.size(); ++s) {
      const Scalar parts[] = {into.values[s], other.values[s]};
      into.values[s] = sum(parts);
    }
  }

  Scalar sum(std::span<const Scalar> parts) {
    for (const Scalar& p : parts) {
      if (p.is_constant() && p.constant() == -kInf) return -kInf;
    }
    return result_.graph.sum(parts);
  }

  void eliminate(const EliminationStep& step) {
    Graph& to = result_.graph;
    const auto at = static_cast<size_t>(step.variable);
    std::vector<Table> tables = std::move(tables_at_[at]);  // messages whose first variable is this
    for (const size_t f : factors_at_[at]) {
      if (used_[f]) continue;
      used_[f] = 1;
      Table table = tabulate(factors_[f]);
      const auto same = std::find_if(tables.begin(), tables.end(),
                                     [&](const Table& t) { return t.scope == table.scope; });
      if (same == tables.end()) {
        tables.push_back(std::move(table));
      } else {
        merge(*same, table);
      }
    }
    const auto num_values = static_cast<size_t>(count(step.variable));
    // Variables of the clique: the scope, then the one that goes, fastest.
    std::vector<int> clique = step.scope;
    clique.push_back(step.variable);
    std::vector<std::vector<size_t>> strides;  // of each table, along the clique's variables
    for (const Table& t : tables) {
      std::vector<size_t> stride(clique.size(), 0);
      size_t step_size = 1;
      for (size_t k = t.scope.size(); k-- > 0;) {
        const auto place = std::find(clique.begin(), clique.end(), t.scope[k]) - clique.begin();
        VINCI_CHECK(place < static_cast<std::ptrdiff_t>(clique.size()));
        stride[static_cast<size_t>(place)] = step_size;
        step_size *= static_cast<size_t>(count(t.scope[k]));
      }
      strides.push_back(std::move(stride));
    }
    CliqueTable& out = result_.cliques.emplace_back(CliqueTable{step.variable, step.scope, {}});
    Table message{step.scope, {}, tables.empty() ? source::Span{} : tables[0].span};
    std::vector<size_t> state(clique.size(), 0);
    std::vector<size_t> offset(tables.size(), 0);
    std::vector<Scalar> parts(tables.size());
    for (bool more = true; more;) {
      for (size_t t = 0; t < tables.size(); ++t) parts[t] = tables[t].values[offset[t]];
      out.table.push_back(parts.empty() ? Scalar(0.0) : sum(parts));
      more = false;
      for (size_t k = state.size(); k-- > 0;) {
        ++state[k];
        for (size_t t = 0; t < tables.size(); ++t) offset[t] += strides[t][k];
        if (state[k] < static_cast<size_t>(count(clique[k]))) {
          more = true;
          break;
        }
        for (size_t t = 0; t < tables.size(); ++t) offset[t] -= state[k] * strides[t][k];
        state[k] = 0;
      }
    }
    for (size_t s = 0; s < out.table.size(); s += num_values) {
      message.values.push_back(
          to.log_sum_exp(std::span<const Scalar>(out.table).subspan(s, num_values)));
    }
    if (step.scope.empty()) {
      to.add_term(message.values[0], message.span);
      return;
    }
    const int next = *std::min_element(step.scope.begin(), step.scope.end(),
                                       [&](int a, int b) { return position(a) < position(b); });
    auto& waiting = tables_at_[static_cast<size_t>(next)];
    const auto same = std::find_if(waiting.begin(), waiting.end(),
                                   [&](const Table& t) { return t.scope == message.scope; });
    if (same == waiting.end()) {
      waiting.push_back(std::move(message));
    } else {
      merge(*same, message);
    }
  }

  /// When a variable is eliminated.
  int position(int v) {
    if (positions_.empty()) {
      positions_.resize(from_.discrete_variables().size());
      for (size_t s = 0; s < plan_.steps.size(); ++s) {
        positions_[static_cast<size_t>(plan_.steps[s].variable)] = static_cast<int>(s);
      }
    }
    return positions_[static_cast<size_t>(v)];
  }

  const Graph& from_;
  const EliminationPlan& plan_;
  Elimination result_;
  Substitution copy_;
  std::vector<Factor> factors_;
  std::vector<std::vector<size_t>> factors_at_;
  std::vector<char> used_;
  std::vector<std::vector<Table>> tables_at_;
  std::vector<int> positions_;
};

}  // namespace

Elimination eliminate(const Graph& graph, const EliminationPlan& plan,
                      std::span<const Scalar> outputs) {
  VINCI_CHECK(plan.is_affordable);
  return Eliminator(graph, plan).run(outputs);
}

}  // namespace vinci::graph
