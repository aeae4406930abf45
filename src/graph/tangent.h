// The directional derivative of a density graph as a graph of its own.
#pragma once

#include <memory>

#include "graph/graph.h"

namespace vinci::graph {

/// What an ArrayFunction offers whose derivative is an expression of the graph. Linear functions
/// need none.
class HasTangent {
 public:
  virtual ~HasTangent() = default;
  /// Derivatives of the outputs in the direction `in_dot` of the inputs, as nodes of `graph`, whose
  /// values `in` and `out` are.
  virtual std::vector<Scalar> tangent(Graph& graph, std::span<const Scalar> in,
                                      std::span<const Scalar> out,
                                      std::span<const Scalar> in_dot) const = 0;
};

/// d/dt log p(x + t v) at t = 0: a graph with 2 D parameters, x and then v, and the guards of
/// `graph`. Its gradient in x is the Hessian-vector product H(x) v, in v the gradient of log p.
/// Null where an operation or array function (an ODE, an eigendecomposition, a distribution
/// function with a derivative in its shape) has no derivative that a graph can express.
///
/// Forward over reverse [Griewank and Walther 2008, Evaluating Derivatives, section 5.1]; about
/// three times the operations of `graph`.
std::unique_ptr<Graph> tangent_graph(const Graph& graph, int dim);

}  // namespace vinci::graph
