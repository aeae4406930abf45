// Substitution: copies values of one graph into another, with discrete variables replaced by
// states or by other values. Elimination copies every term once for each joint state;
// `expand_choices` copies a whole graph so that a plan can evaluate it.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace vinci::graph {

/// Laws: equal values become equal nodes; what does not depend on a discrete variable is copied
/// once; of a pick or select whose condition has become a constant, only the side that is chosen is
/// copied. Cost: O(nodes) for the whole, and for each state the nodes that depend on a variable.
class Substitution {
 public:
  Substitution(const Graph& from, Graph& to);

  /// From now on discrete variable `variable` is `value`, a constant or a value of `to`.
  void assign(int variable, Scalar value);
  /// `value` of `from` as a value of `to`. Picks whose index stays open become chains of selects.
  Scalar copy(Scalar value);
  Scalar copy(NodeIndex node) { return copy(Scalar::node(node)); }

  /// Whether a node depends on a discrete variable.
  bool depends(NodeIndex node) const { return depends_[static_cast<size_t>(node)] != 0; }

 private:
  bool known(Operand o) const;
  Scalar value(Operand o) const;
  /// Operands that `node` needs next go on the stack; true if there were none.
  bool ready(const Node& node);
  void push(Operand o);
  void compute(NodeIndex index);
  void keep(NodeIndex index, Scalar value);

  const Graph& from_;
  Graph& to_;
  std::vector<char> depends_;
  std::vector<Scalar> value_;
  std::vector<uint32_t> stamp_;  // of value_: valid if epoch_, or of a free node if not 0
  uint32_t epoch_ = 1;
  std::vector<Scalar> variables_;
  std::vector<NodeIndex> stack_;
  std::vector<Scalar> operands_;
};

/// Of a value that picks: x_1 if index = 1, ..., x_n else, by selects.
Scalar select_chain(Graph& graph, Scalar index, std::span<const Scalar> elements);

/// The same log density with discrete variable m as coordinate num_continuous + m, and without
/// picks: what a plan can evaluate. `outputs` are replaced by their values in the new graph;
/// without `with_density` they are all that it has.
Graph expand_choices(const Graph& graph, int num_continuous, std::vector<Scalar>& outputs,
                     bool with_density = true);

}  // namespace vinci::graph
