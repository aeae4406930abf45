// What an expression of a program is as a function of the parameters: a polynomial of degree at
// most two without squares, or a product of powers.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace vinci::conjugate {

using graph::Scalar;

/// c x_a x_b; -1 stands for 1. a < b where both are there; b is -1 where one is.
struct Addend {
  double c = 0;
  int32_t a = -1, b = -1;
  bool same_leaves(const Addend& other) const { return a == other.a && b == other.b; }
};
/// Sorted by leaves, equal ones merged; the constant, if any, comes first.
using Form = std::vector<Addend>;

void normalise(Form& form);
/// scale_a * a + scale_b * b.
Form combine(double scale_a, const Form& a, double scale_b, const Form& b);

/// Addends of a sum of products, at most.
constexpr size_t kMaxAddends = 4096;

/// c prod x^p.
struct Product {
  double c = 1;
  std::vector<std::pair<int32_t, double>> powers;
  bool is_constant() const { return powers.empty(); }
};

/// Reads expressions of one graph, whose coordinates and discrete variables are the leaves.
class Forms {
 public:
  explicit Forms(const graph::Graph& graph) : graph_(graph) {}
  const graph::Graph& graph() const { return graph_; }
  /// Discrete variable `variable` of the graph is this leaf; its states count from `low`.
  void add_discrete(int32_t variable, int32_t leaf, int64_t low);
  /// What the choices of a discrete leaf are read as, from now on; -1: not at all.
  void set_state(int32_t leaf, int64_t value);
  /// The discrete leaf by which an expression chooses: -1 none, -2 several.
  int32_t choice(Scalar s);

  /// False where the expression is no such polynomial.
  bool polynomial(Scalar s, Form& out);
  /// s^exponent as a product; false where it is none.
  bool product(Scalar s, double exponent, Product& out) const;
  /// s as a sum of products, equal ones merged; false where it is none of at most kMaxAddends.
  bool sum(Scalar s, std::vector<Product>& out);
  /// The leaf that s is; -1 if none.
  int32_t leaf(Scalar s) const;
  /// The operand of s where s is op(operand).
  bool is_unary(Scalar s, graph::Op op, Scalar& operand) const;

  /// The element that a choice is, under the state that is set; else the expression itself.
  Scalar resolve(Scalar s) const;

 private:
  bool compute(graph::NodeIndex index, Form& out, int depth);
  bool add_products(Scalar s, const Product& factor, std::vector<Product>& out, int depth);
  const std::vector<double>* matrix_of(int32_t array);

  const graph::Graph& graph_;
  struct Discrete {
    int32_t leaf;
    int64_t low;
  };
  std::vector<Discrete> discrete_;  // by variable of the graph
  int32_t state_leaf_ = -1;
  int64_t state_ = 0;
  std::unordered_map<graph::NodeIndex, int32_t> choices_;
  std::unordered_map<graph::NodeIndex, Form> known_;
  std::unordered_map<int32_t, std::vector<double>> matrices_;  // [outputs][inputs + 1]
};

}  // namespace vinci::conjugate
