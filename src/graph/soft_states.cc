#include "graph/soft_states.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "graph/passes/passes.h"
#include "graph/substitution.h"

namespace vinci::graph {

namespace {

class Softener {
 public:
  Softener(const Graph& split, int num_continuous, double max_states)
      : from_(split), max_states_(max_states), substitution_(from_, to_) {
    int row = num_continuous;
    for (const DiscreteVariable& v : from_.discrete_variables()) {
      first_weight_.push_back(row);
      row += static_cast<int>(v.num_states());
    }
    if (row > 0) to_.parameter(row - 1);
  }

  /// False: the reason is in `reason`.
  bool run(std::string& reason) {
    for (const bool is_jacobian : {false, true}) {
      to_.add_term(from_.constant_term(is_jacobian), {}, is_jacobian);
    }
    for (const Guard& g : from_.guards()) {
      const bool fits = for_each_state(g.node, [&](Scalar, Scalar value) {
        to_.require(g.kind, value, g.span, g.what);
        return true;
      });
      if (!fits) return fail(g.node, reason);
    }
    for (const Term& t : from_.terms()) {
      std::vector<Scalar> weights, values;
      bool possible = true;
      const bool fits = for_each_state(t.node, [&](Scalar weight, Scalar value) {
        possible = possible && !(value.is_constant() && std::isinf(value.constant()));
        weights.push_back(weight);
        values.push_back(value);
        return possible;
      });
      if (!possible) {
        reason = "a state has density zero";
        return false;
      }
      if (!fits) return fail(t.node, reason);
      to_.add_term(to_.dot(weights, values), t.span, t.is_jacobian, t.weight);
    }
    return true;
  }
  Graph take() { return std::move(to_); }

 private:
  bool fail(NodeIndex node, std::string& reason) const {
    reason = fmt::format("a term has {:g} joint states; at most {:g} are weighted",
                         num_states(variables_of(node)), max_states_);
    return false;
  }

  std::vector<int> variables_of(NodeIndex root) const {
    std::vector<int> found;
    std::vector<NodeIndex> stack{root};
    std::vector<char> seen(from_.nodes().size(), 0);
    while (!stack.empty()) {
      const NodeIndex top = stack.back();
      stack.pop_back();
      if (!substitution_.depends(top) || std::exchange(seen[static_cast<size_t>(top)], 1) != 0) {
        continue;
      }
      const Node& node = from_.node(top);
      if (node.op == Op::kDiscrete) {
        found.push_back(static_cast<int>(node.first_operand));
        continue;
      }
      const auto operands = node.op == Op::kElement
                                ? std::span<const Operand>(
                                      from_.array_calls()[static_cast<size_t>(node.array)].inputs)
                                : from_.operands(node);
      for (const Operand o : operands) {
        if (!o.is_constant()) stack.push_back(o.node_index());
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  double num_states(const std::vector<int>& variables) const {
    double product = 1;
    for (const int m : variables) product *= static_cast<double>(variable(m).num_states());
    return product;
  }
  const DiscreteVariable& variable(int m) const {
    return from_.discrete_variables()[static_cast<size_t>(m)];
  }

  /// Calls visit(weight, value) for each joint state of the variables below `node` while it returns
  /// true. False: there are too many.
  template <class Visit>
  bool for_each_state(NodeIndex node, const Visit& visit) {
    const std::vector<int> variables = variables_of(node);
    if (num_states(variables) > max_states_) return false;
    std::vector<int64_t> k(variables.size(), 0);
    for (;;) {
      Scalar weight = 1.0;
      for (size_t i = 0; i < k.size(); ++i) {
        const int m = variables[i];
        substitution_.assign(m, static_cast<double>(variable(m).low + k[i]));
        const Scalar own =
            to_.parameter(first_weight_[static_cast<size_t>(m)] + static_cast<int>(k[i]));
        weight = i == 0 ? own : to_.apply(Op::kMul, weight, own);
      }
      if (!visit(weight, substitution_.copy(node))) return true;
      size_t i = 0;
      while (i < k.size() && ++k[i] == variable(variables[i]).num_states()) k[i++] = 0;
      if (i == k.size()) return true;
    }
  }

  const Graph& from_;
  Graph to_;
  double max_states_;
  Substitution substitution_;
  std::vector<int> first_weight_;
};

}  // namespace

std::optional<Graph> soften_states(const Graph& graph, int num_continuous, double max_states,
                                   std::string& reason) {
  Graph split = graph;
  split_terms(split);
  Softener softener(split, num_continuous, max_states);
  if (!softener.run(reason)) return {};
  return softener.take();
}

}  // namespace vinci::graph
