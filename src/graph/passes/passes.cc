#include "graph/passes/passes.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <unordered_map>

namespace vinci::graph {

namespace {

constexpr Pass kPasses[] = {
    {"split-terms", "addends of the log density are merged and shared", split_terms},
    {"fold-sufficient-statistics", "normal plates become their sufficient statistics",
     fold_sufficient_statistics},
    {"flatten-linear", "nested linear combinations become one", flatten_linear},
};

}  // namespace

std::span<const Pass> all_passes() { return kPasses; }

std::vector<char> live_nodes(const Graph& graph, std::span<const Scalar> outputs,
                             bool terms_and_guards) {
  std::vector<char> live(graph.nodes().size(), 0);
  if (terms_and_guards) {
    for (const Term& t : graph.terms()) live[static_cast<size_t>(t.node)] = 1;
    for (const Guard& g : graph.guards()) live[static_cast<size_t>(g.node)] = 1;
  }
  for (const Scalar& s : outputs) {
    if (!s.is_constant()) live[static_cast<size_t>(s.index())] = 1;
  }
  const auto mark = [&](Operand o) {
    if (!o.is_constant()) live[static_cast<size_t>(o.node_index())] = 1;
  };
  for (size_t i = live.size(); i-- > 0;) {
    if (!live[i]) continue;
    const Node& node = graph.nodes()[i];
    if (node.op == Op::kElement) {
      for (Operand o : graph.array_calls()[static_cast<size_t>(node.array)].inputs) mark(o);
    } else {
      for (Operand o : graph.operands(node)) mark(o);
    }
  }
  return live;
}

std::vector<PassReport> run_passes(Graph& graph, const PassOptions& options) {
  std::vector<PassReport> reports;
  for (const Pass& pass : kPasses) {
    if (std::count(options.disabled.begin(), options.disabled.end(), pass.name) > 0) continue;
    const auto start = std::chrono::steady_clock::now();
    pass.run(graph);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const auto live = live_nodes(graph);
    reports.push_back({pass.name, seconds.count(), std::count(live.begin(), live.end(), char{1}),
                       static_cast<int64_t>(graph.terms().size())});
  }
  return reports;
}

// ---- split-terms
// ----------------------------------------------------------------------------------------------

namespace {

/// Terms that are linear combinations become their addends.
void split_linear_combinations(Graph& graph) {
  const size_t n = graph.nodes().size();
  std::vector<Term> terms;
  double constants[2] = {0, 0};
  for (const bool is_jacobian : {false, true}) {
    std::vector<double> weight(n, 0.0);
    std::vector<char> present(n, 0);
    std::vector<source::Span> span(n);
    for (const Term& t : graph.terms()) {
      if (t.is_jacobian != is_jacobian) continue;
      const auto i = static_cast<size_t>(t.node);
      weight[i] += t.weight;
      if (!present[i]) span[i] = t.span;
      present[i] = 1;
    }
    const size_t first = terms.size();
    for (size_t i = n; i-- > 0;) {  // users come after their operands: each node is split once
      if (!present[i] || weight[i] == 0) continue;
      const Node& node = graph.nodes()[i];
      if (node.op != Op::kLinComb) {
        terms.push_back({static_cast<NodeIndex>(i), weight[i], is_jacobian, span[i]});
        continue;
      }
      const auto ops = graph.operands(node);
      constants[is_jacobian] += weight[i] * graph.constant(ops[0]);
      for (size_t k = 1; k + 1 < ops.size(); k += 2) {
        const auto child = static_cast<size_t>(ops[k + 1].node_index());
        weight[child] += weight[i] * graph.constant(ops[k]);
        if (!present[child]) span[child] = span[i];
        present[child] = 1;
      }
    }
    std::reverse(terms.begin() + static_cast<std::ptrdiff_t>(first), terms.end());
  }
  graph.replace_terms(std::move(terms), constants[0], constants[1]);
}

/// Longer dot products that are terms and nothing else become a term for each product.
constexpr uint32_t kMinSplitDot = 32;  // operands

void split_dot_products(Graph& graph) {
  const auto is_long_dot = [&](const Term& t) {
    const Node& node = graph.node(t.node);
    return node.op == Op::kDot && node.num_operands >= kMinSplitDot;
  };
  if (std::none_of(graph.terms().begin(), graph.terms().end(), is_long_dot)) return;
  const std::vector<char> live = live_nodes(graph);
  std::vector<char> used(live.size(), 0);
  const auto use = [&](Operand o) {
    if (!o.is_constant()) used[static_cast<size_t>(o.node_index())] = 1;
  };
  for (size_t i = 0; i < live.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!live[i] || node.op == Op::kParameter || node.op == Op::kElement) continue;
    for (Operand o : graph.operands(node)) use(o);
  }
  for (const ArrayCall& call : graph.array_calls()) {
    for (Operand o : call.inputs) use(o);
  }
  for (const Guard& g : graph.guards()) used[static_cast<size_t>(g.node)] = 1;

  std::vector<Term> terms;
  std::unordered_map<int64_t, size_t> place;  // of node and kind in `terms`
  double constants[2] = {0, 0};
  const auto add = [&](const Term& t) {
    const auto [entry, is_new] =
        place.try_emplace(t.node * int64_t{2} + t.is_jacobian, terms.size());
    if (is_new) {
      terms.push_back(t);
    } else {
      terms[entry->second].weight += t.weight;
    }
  };
  for (const Term& t : graph.terms()) {
    if (!is_long_dot(t) || used[static_cast<size_t>(t.node)]) {
      add(t);
      continue;
    }
    const auto view = graph.operands(graph.node(t.node));
    const std::vector<Operand> ops(view.begin(), view.end());  // `mul` adds nodes
    for (size_t k = 0; k + 1 < ops.size(); k += 2) {
      const Scalar product = graph.mul(graph.scalar(ops[k]), graph.scalar(ops[k + 1]));
      if (product.is_constant()) {
        constants[t.is_jacobian] += t.weight * product.constant();
      } else {
        add({product.index(), t.weight, t.is_jacobian, t.span});
      }
    }
  }
  graph.replace_terms(std::move(terms), constants[0], constants[1]);
}

}  // namespace

void split_terms(Graph& graph) {
  split_linear_combinations(graph);
  split_dot_products(graph);
}

// ---- flatten-linear
// -------------------------------------------------------------------------------------------

void flatten_linear(Graph& graph) {
  const auto live = live_nodes(graph);
  const size_t n = live.size();
  std::vector<int32_t> uses(n, 0);
  for (const Term& t : graph.terms()) ++uses[static_cast<size_t>(t.node)];
  for (const Guard& g : graph.guards()) uses[static_cast<size_t>(g.node)] += 2;
  for (size_t i = 0; i < n; ++i) {
    if (!live[i] || graph.nodes()[i].op == Op::kElement) continue;
    for (Operand o : graph.operands(graph.nodes()[i])) {
      if (!o.is_constant()) ++uses[static_cast<size_t>(o.node_index())];
    }
  }
  for (const ArrayCall& call : graph.array_calls()) {
    for (Operand o : call.inputs) {
      if (!o.is_constant()) uses[static_cast<size_t>(o.node_index())] += 2;
    }
  }
  // Only operands of linear combinations can be absorbed; whoever uses a rewritten node must be
  // rewritten too.
  std::vector<Scalar> replacement(n);
  std::vector<char> replaced(n, 0);
  std::vector<double> c;
  std::vector<Scalar> x;
  std::vector<Scalar> new_operands;
  for (size_t i = 0; i < n; ++i) {
    if (!live[i]) continue;
    const Node node = graph.nodes()[i];
    if (node.op == Op::kElement || node.op == Op::kParameter) continue;
    const std::vector<Operand> ops(graph.operands(node).begin(), graph.operands(node).end());
    bool changes = false;
    const auto current = [&](Operand o) {
      if (o.is_constant()) return graph.scalar(o);
      const auto k = static_cast<size_t>(o.node_index());
      return replaced[k] ? replacement[k] : Scalar::node(o.node_index());
    };
    for (Operand o : ops) {
      if (!o.is_constant() && replaced[static_cast<size_t>(o.node_index())]) changes = true;
    }
    Scalar result;
    if (node.op == Op::kLinComb) {
      double c0 = graph.constant(ops[0]);
      c.clear();
      x.clear();
      for (size_t k = 1; k + 1 < ops.size(); k += 2) {
        const double coefficient = graph.constant(ops[k]);
        const Scalar child = current(ops[k + 1]);
        const Node inner = graph.node(child.index());
        if (inner.op == Op::kLinComb && uses[static_cast<size_t>(ops[k + 1].node_index())] == 1) {
          changes = true;
          const auto inner_ops = graph.operands(inner);
          c0 += coefficient * graph.constant(inner_ops[0]);
          for (size_t j = 1; j + 1 < inner_ops.size(); j += 2) {
            c.push_back(coefficient * graph.constant(inner_ops[j]));
            x.push_back(graph.scalar(inner_ops[j + 1]));
          }
        } else {
          c.push_back(coefficient);
          x.push_back(child);
        }
      }
      if (!changes) continue;
      result = graph.lincomb(c0, c, x);
    } else {
      if (!changes) continue;
      new_operands.clear();
      for (Operand o : ops) new_operands.push_back(current(o));
      result = graph.rebuild(node.op, new_operands);
    }
    if (result.is_constant() || result.index() == static_cast<NodeIndex>(i)) continue;
    replaced[i] = 1;
    replacement[i] = result;
    graph.assume(result, node.range);
  }
  std::vector<Term> terms = graph.terms();
  for (Term& t : terms) {
    const auto k = static_cast<size_t>(t.node);
    if (replaced[k]) t.node = replacement[k].index();
  }
  graph.replace_terms(std::move(terms), 0, 0);
}

}  // namespace vinci::graph
