#include "graph/substitution.h"

#include <algorithm>

namespace vinci::graph {

Substitution::Substitution(const Graph& from, Graph& to)
    : from_(from),
      to_(to),
      depends_(from.nodes().size(), 0),
      value_(from.nodes().size()),
      stamp_(from.nodes().size(), 0),
      variables_(from.discrete_variables().size()) {
  const auto nodes = from.nodes();
  const auto any = [&](std::span<const Operand> operands) {
    return std::any_of(operands.begin(), operands.end(), [&](Operand o) {
      return !o.is_constant() && depends_[static_cast<size_t>(o.node_index())] != 0;
    });
  };
  std::vector<char> calls(from.array_calls().size(), 2);  // 2: not looked at
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    if (node.op == Op::kDiscrete) {
      depends_[i] = 1;
    } else if (node.op == Op::kElement) {
      char& call = calls[static_cast<size_t>(node.array)];
      if (call == 2) call = any(from.array_calls()[static_cast<size_t>(node.array)].inputs) ? 1 : 0;
      depends_[i] = call;
    } else if (node.op != Op::kParameter) {
      depends_[i] = any(from.operands(node)) ? 1 : 0;
    }
  }
}

void Substitution::assign(int variable, Scalar value) {
  variables_[static_cast<size_t>(variable)] = value;
  ++epoch_;
}

bool Substitution::known(Operand o) const {
  if (o.is_constant()) return true;
  const auto i = static_cast<size_t>(o.node_index());
  return depends_[i] != 0 ? stamp_[i] == epoch_ : stamp_[i] != 0;
}

Scalar Substitution::value(Operand o) const {
  return o.is_constant() ? from_.scalar(o) : value_[static_cast<size_t>(o.node_index())];
}

void Substitution::push(Operand o) {
  if (!known(o)) stack_.push_back(o.node_index());
}

void Substitution::keep(NodeIndex index, Scalar value) {
  const auto i = static_cast<size_t>(index);
  value_[i] = value;
  stamp_[i] = epoch_;
}

bool Substitution::ready(const Node& node) {
  const size_t before = stack_.size();
  if (node.op == Op::kElement) {
    for (Operand o : from_.array_calls()[static_cast<size_t>(node.array)].inputs) push(o);
  } else if (node.op == Op::kPick || node.op == Op::kSelect) {
    const auto ops = from_.operands(node);
    push(ops[0]);
    if (stack_.size() != before) return false;
    const Scalar chosen = value(ops[0]);
    if (node.op == Op::kSelect) {
      if (!chosen.is_constant() || chosen.constant() != 0) push(ops[1]);
      if (!chosen.is_constant() || chosen.constant() == 0) push(ops[2]);
    } else {
      const auto elements = from_.pick_elements(node);
      if (!chosen.is_constant()) {
        for (Operand o : elements) push(o);
      } else if (chosen.constant() >= 1 &&
                 chosen.constant() <= static_cast<double>(elements.size())) {
        push(elements[static_cast<size_t>(chosen.constant()) - 1]);
      }
    }
  } else if (node.op != Op::kParameter && node.op != Op::kDiscrete) {
    for (Operand o : from_.operands(node)) push(o);
  }
  return stack_.size() == before;
}

void Substitution::compute(NodeIndex index) {
  const Node& node = from_.node(index);
  switch (node.op) {
    case Op::kParameter:
      return keep(index, to_.parameter(static_cast<int>(node.first_operand)));
    case Op::kDiscrete:
      return keep(index, variables_[node.first_operand]);
    case Op::kElement: {
      const ArrayCall& call = from_.array_calls()[static_cast<size_t>(node.array)];
      operands_.clear();
      for (Operand o : call.inputs) operands_.push_back(value(o));
      const std::vector<Scalar> outputs = to_.call(call.function, operands_);
      for (size_t k = 0; k < outputs.size(); ++k) keep(call.outputs[k], outputs[k]);
      return;
    }
    case Op::kTable:  // read through picks only
      return keep(index, 0.0);
    case Op::kSelect: {
      const auto ops = from_.operands(node);
      const Scalar condition = value(ops[0]);
      if (condition.is_constant()) {
        return keep(index, value(ops[condition.constant() != 0 ? 1 : 2]));
      }
      break;
    }
    case Op::kPick: {
      const auto elements = from_.pick_elements(node);
      const Scalar chosen = value(from_.operands(node)[0]);
      if (chosen.is_constant()) {
        const double i = chosen.constant();
        const bool inside = i >= 1 && i <= static_cast<double>(elements.size());
        return keep(index, inside ? value(elements[static_cast<size_t>(i) - 1])
                                  : Scalar(std::numeric_limits<double>::quiet_NaN()));
      }
      operands_.clear();
      for (Operand o : elements) operands_.push_back(value(o));
      return keep(index, select_chain(to_, chosen, operands_));
    }
    default:
      break;
  }
  operands_.clear();
  for (Operand o : from_.operands(node)) operands_.push_back(value(o));
  const Scalar result = to_.rebuild(node.op, operands_);
  to_.assume(result, node.range);
  keep(index, result);
}

Scalar Substitution::copy(Scalar s) {
  if (s.is_constant()) return s;
  stack_.clear();
  const Operand root = Operand::node(s.index());
  push(root);
  while (!stack_.empty()) {
    const NodeIndex top = stack_.back();
    if (known(Operand::node(top))) {
      stack_.pop_back();
    } else if (ready(from_.node(top))) {
      compute(top);
      stack_.pop_back();
    }
  }
  return value(root);
}

Scalar select_chain(Graph& graph, Scalar index, std::span<const Scalar> elements) {
  VINCI_CHECK(!elements.empty());
  Scalar chosen = elements.back();
  for (size_t i = elements.size() - 1; i-- > 0;) {
    const Scalar here = graph.apply(Op::kEqual, index, static_cast<double>(i + 1));
    chosen = graph.select(here, elements[i], chosen);
  }
  return chosen;
}

Graph expand_choices(const Graph& graph, int num_continuous, std::vector<Scalar>& outputs,
                     bool with_density) {
  Graph to;
  const auto num_discrete = static_cast<int>(graph.discrete_variables().size());
  if (num_continuous + num_discrete > 0) to.parameter(num_continuous + num_discrete - 1);
  Substitution substitution(graph, to);
  for (int m = 0; m < num_discrete; ++m) {
    const Scalar state = to.parameter(num_continuous + m);
    const DiscreteVariable& v = graph.discrete_variables()[static_cast<size_t>(m)];
    to.assume(state, static_cast<uint8_t>((v.low >= 0 ? kRangeNonNegative : 0) |
                                          (v.low > 0 ? kRangePositive : 0) |
                                          (v.high <= 1 ? kRangeAtMostOne : 0)));
    substitution.assign(m, state);
  }
  for (Scalar& s : outputs) s = substitution.copy(s);
  if (!with_density) return to;
  for (const bool is_jacobian : {false, true}) {
    to.add_term(graph.constant_term(is_jacobian), {}, is_jacobian);
  }
  for (const Guard& g : graph.guards()) {
    to.require(g.kind, substitution.copy(g.node), g.span, g.what);
  }
  for (const Term& t : graph.terms()) {
    to.add_term(substitution.copy(t.node), t.span, t.is_jacobian, t.weight);
  }
  return to;
}

}  // namespace vinci::graph
