// DensityGraph: a log density as a hash-consed DAG of scalar operations and multi-output array
// functions, with the terms whose weighted sum it is. `lower` builds it, the passes rewrite it,
// `exec` rolls it into vector code.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "graph/op.h"
#include "source/span.h"

namespace vinci::graph {

using NodeIndex = int32_t;

/// A real (or integer, exactly representable) number: a constant known now, or a node of the graph.
class Scalar {
 public:
  Scalar(double constant = 0) : constant_(constant) {}
  static Scalar node(NodeIndex index) {
    Scalar s;
    s.node_ = index;
    s.constant_ = std::numeric_limits<double>::quiet_NaN();
    return s;
  }
  bool is_constant() const { return node_ < 0; }
  double constant() const { return constant_; }
  NodeIndex index() const { return node_; }
  bool identical(const Scalar& other) const {
    return node_ == other.node_ &&
           (node_ >= 0 || std::memcmp(&constant_, &other.constant_, sizeof(double)) == 0);
  }

 private:
  double constant_;
  NodeIndex node_ = -1;
};

/// An operand inside the graph: the top bit says whether the rest indexes the constants or the
/// nodes.
struct Operand {
  uint32_t bits;
  static Operand constant(uint32_t index) { return {index | 0x80000000u}; }
  static Operand node(NodeIndex index) { return {static_cast<uint32_t>(index)}; }
  bool is_constant() const { return (bits & 0x80000000u) != 0; }
  uint32_t constant_index() const { return bits & 0x7fffffffu; }
  NodeIndex node_index() const { return static_cast<NodeIndex>(bits); }
  friend bool operator==(Operand, Operand) = default;
};

struct Node {
  Op op;
  uint8_t range;  // RangeFlags: what is known of the value's sign and size
  uint16_t reserved = 0;
  uint32_t num_operands;
  uint32_t first_operand;  // into Graph::operands(); of kParameter: the coordinate; of kDiscrete:
                           // the variable; of kElement: the output
  int32_t array = -1;      // of kElement: which array function
};
static_assert(sizeof(Node) == 16);

/// Known facts of a node's value. They let densities leave out checks that cannot fail.
enum RangeFlags : uint8_t {
  kRangeNonNegative = 1,
  kRangePositive = 2,   // implies non-negative
  kRangeAtMostOne = 4,  // <= 1
};

/// A function of many numbers to many numbers: a factorisation, a solve, a product with a large
/// data matrix, an ODE. Everything is evaluated for a block of lanes: element k of an input or
/// output is a row of `lanes` doubles, lanes a multiple of 8. Laws: lanes are independent; a
/// failure (not positive definite, …) gives NaN outputs in that lane only.
class ArrayFunction {
 public:
  virtual ~ArrayFunction() = default;
  virtual std::string name() const = 0;
  virtual int num_inputs() const = 0;
  virtual int num_outputs() const = 0;
  /// Whether the outputs are linear in the inputs.
  virtual bool linear() const { return false; }
  /// Whether `other` computes the same outputs from the same inputs; lets equal calls be merged.
  virtual bool equals(const ArrayFunction& other) const { return this == &other; }
  /// Doubles of scratch per lane that `forward` leaves for `reverse`.
  virtual int64_t scratch_size() const { return 0; }
  /// in[k], out[k]: rows of `lanes` doubles.
  virtual void forward(const double* const* in, double* const* out, double* scratch,
                       int lanes) const = 0;
  /// adjoint_in[k] += sum_j adjoint_out[j] d out_j / d in_k. adjoint_in[k] is null for constant
  /// inputs. Rows of adjoint_in may alias where two inputs are the same node.
  virtual void reverse(const double* const* in, const double* const* out,
                       const double* const* adjoint_out, double* const* adjoint_in, double* scratch,
                       int lanes) const = 0;
};

struct ArrayCall {
  std::shared_ptr<const ArrayFunction> function;
  std::vector<Operand> inputs;
  std::vector<NodeIndex> outputs;  // kElement nodes, one per output
};

/// A discrete latent variable: an integer in [low, high].
struct DiscreteVariable {
  int64_t low;
  int64_t high;
  std::string name;  // of the element: `z.3`
  int64_t num_states() const { return high - low + 1; }
};

/// Finite bounds of a value that is always an integer.
struct IntegerBounds {
  int64_t low;
  int64_t high;
};

/// weight * value, one addend of the log density.
struct Term {
  NodeIndex node;
  double weight;
  bool is_jacobian;   // log |det| of a constraint transform
  source::Span span;  // of the statement it first came from
};

/// A condition on a value under which the density is defined; a lane that violates it has density
/// zero.
struct Guard {
  enum class Kind : uint8_t { kPositive, kNonNegative, kInUnitInterval, kNonZero, kNotNan, kNever };
  Kind kind;
  NodeIndex node;
  source::Span span;
  std::string what;  // "scale", "order of `normal`", …: subject of the message "… is -0.31"
};
/// Whether `x` satisfies the condition; NaN satisfies none.
bool holds(Guard::Kind kind, double x);

class Graph {
 public:
  Graph();

  // ---- building: every call folds constants, applies identities and returns an existing node
  // where there is one
  Scalar parameter(int coordinate);
  int num_parameters() const { return num_parameters_; }

  /// A new discrete latent variable, low <= high.
  Scalar discrete(int64_t low, int64_t high, std::string name);
  const std::vector<DiscreteVariable>& discrete_variables() const { return discrete_variables_; }

  /// elements[index - 1]; NaN for a constant index outside of 1..n. Picks from equal elements share
  /// one table, and a function of a pick is a pick from the table of its values.
  Scalar pick(Scalar index, std::span<const Scalar> elements);
  /// Whether there are operations that no plan evaluates: picks and discrete variables.
  bool has_choices() const { return has_choices_; }
  Scalar pick_index(const Node& pick) const { return scalar(operands(pick)[0]); }
  std::span<const Operand> pick_elements(const Node& pick) const {
    return operands(node(operands(pick)[1].node_index()));
  }
  /// Bounds of a value made of discrete variables and constants by arithmetic, comparisons, selects
  /// and picks, or none where it may not be an integer or has no known bounds.
  std::optional<IntegerBounds> integer_bounds(Scalar value) const;

  Scalar apply(Op op, Scalar a);
  Scalar apply(Op op, Scalar a, Scalar b);
  Scalar apply(Op op, Scalar a, Scalar b, Scalar c);

  Scalar add(Scalar a, Scalar b);
  Scalar sub(Scalar a, Scalar b);
  Scalar neg(Scalar a);
  Scalar mul(Scalar a, Scalar b);
  Scalar div(Scalar a, Scalar b);
  Scalar fma(Scalar a, Scalar b, Scalar c) { return add(mul(a, b), c); }
  Scalar pow(Scalar a, Scalar b);
  Scalar exp(Scalar a) { return apply(Op::kExp, a); }
  Scalar log(Scalar a) { return apply(Op::kLog, a); }
  Scalar log1p(Scalar a) { return apply(Op::kLog1p, a); }
  Scalar log1m(Scalar a) { return log1p(neg(a)); }
  Scalar expm1(Scalar a) { return apply(Op::kExpm1, a); }
  Scalar sqrt(Scalar a) { return apply(Op::kSqrt, a); }
  Scalar square(Scalar a) { return apply(Op::kSquare, a); }
  Scalar inv(Scalar a) { return apply(Op::kInv, a); }
  Scalar inv_logit(Scalar a) { return apply(Op::kInvLogit, a); }
  Scalar log_inv_logit(Scalar a) { return neg(log1p_exp(neg(a))); }
  Scalar log1p_exp(Scalar a) { return apply(Op::kLog1pExp, a); }
  Scalar logit(Scalar a) { return sub(log(a), log1m(a)); }
  Scalar lgamma(Scalar a) { return apply(Op::kLgamma, a); }
  Scalar digamma(Scalar a) { return apply(Op::kDigamma, a); }

  /// The operation `op` of these operands, as the passes need it when operands have changed.
  Scalar rebuild(Op op, std::span<const Scalar> operands);

  /// sum_k x_k; 0 for none.
  Scalar sum(std::span<const Scalar> x);
  /// c0 + sum_k c_k x_k.
  Scalar lincomb(double c0, std::span<const double> c, std::span<const Scalar> x);
  /// sum_k a_k b_k; one side constant gives a lincomb.
  Scalar dot(std::span<const Scalar> a, std::span<const Scalar> b);
  /// log sum_k e^{x_k}; -inf for none.
  Scalar log_sum_exp(std::span<const Scalar> x);
  Scalar log_sum_exp(Scalar a, Scalar b);
  /// log(theta e^a + (1 - theta) e^b).
  Scalar log_mix(Scalar theta, Scalar a, Scalar b);

  Scalar less(Scalar a, Scalar b) { return apply(Op::kLess, a, b); }
  Scalar select(Scalar condition, Scalar a, Scalar b) {
    return apply(Op::kSelect, condition, a, b);
  }

  /// Outputs of an array function; computed now where all inputs are constant.
  std::vector<Scalar> call(std::shared_ptr<const ArrayFunction> function,
                           std::span<const Scalar> inputs);

  /// Adds weight * value to the log density. Sums are split into their addends, equal addends are
  /// merged.
  void add_term(Scalar value, source::Span span, bool is_jacobian = false, double weight = 1);

  /// Makes lanes where the condition fails have density zero. Drops conditions that are known to
  /// hold; a constant that fails makes the density zero everywhere.
  void require(Guard::Kind kind, Scalar value, source::Span span, const std::string& what);

  /// What is known of a value (RangeFlags).
  uint8_t range(Scalar value) const;
  bool is_positive(Scalar value) const { return (range(value) & kRangePositive) != 0; }
  /// Records a fact that the caller has proved, e.g. of a bounded parameter.
  void assume(Scalar value, uint8_t flags);

  // ---- reading
  std::span<const Node> nodes() const { return nodes_; }
  const Node& node(NodeIndex index) const { return nodes_[static_cast<size_t>(index)]; }
  std::span<const Operand> operands(const Node& node) const {
    return {operands_.data() + node.first_operand, node.num_operands};
  }
  double constant(Operand operand) const { return constants_[operand.constant_index()]; }
  Scalar scalar(Operand operand) const {
    return operand.is_constant() ? Scalar(constant(operand)) : Scalar::node(operand.node_index());
  }
  std::span<const ArrayCall> array_calls() const { return array_calls_; }
  const std::vector<Term>& terms() const { return terms_; }
  const std::vector<Guard>& guards() const { return guards_; }
  /// The part of the log density (first) and of the log Jacobian (second) that depends on nothing.
  double constant_term(bool is_jacobian) const { return constant_terms_[is_jacobian ? 1 : 0]; }
  /// For passes: new terms of the same sum, and what of it has become constant.
  void replace_terms(std::vector<Term> terms, double add_to_constant, double add_to_jacobian);

  /// A readable listing, one node a line.
  std::string dump() const;

 private:
  Operand intern(Scalar s);
  Scalar make(Op op, std::span<const Operand> operands, uint8_t range);
  /// Where a value lies, and whether it is always an integer.
  struct Interval {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
    bool is_integer = false;
  };
  Interval interval(Scalar value, int depth) const;
  Interval node_interval(NodeIndex index, int depth) const;
  Scalar pick_from(Scalar index, NodeIndex table);
  NodeIndex map_table(Op op, NodeIndex table);
  Scalar make_lincomb(double c0, std::vector<std::pair<NodeIndex, double>>& parts);
  void grow_table();
  uint8_t infer_range(Op op, std::span<const Operand> operands) const;

  std::vector<Node> nodes_;
  std::vector<Operand> operands_;
  std::vector<double> constants_;
  std::vector<int32_t> node_table_;  // open addressing, -1 empty
  std::vector<int32_t> constant_table_;
  std::vector<Scalar> parameters_;
  std::vector<DiscreteVariable> discrete_variables_;
  std::unordered_map<uint64_t, NodeIndex> mapped_tables_;      // by table and operation
  mutable std::unordered_map<NodeIndex, Interval> intervals_;  // found so far
  bool has_choices_ = false;
  std::vector<ArrayCall> array_calls_;
  std::unordered_map<uint64_t, std::vector<int32_t>> array_table_;
  std::vector<Term> terms_;
  std::unordered_map<int64_t, int32_t> term_table_;
  std::vector<Guard> guards_;
  std::unordered_map<int64_t, int32_t> guard_table_;
  std::vector<std::pair<NodeIndex, double>> scratch_parts_;
  double constant_terms_[2] = {0, 0};
  int num_parameters_ = 0;
};

// ---- scalar reference: plain C++, what every kernel is compared with (graph/reference.cc)

/// Value of an elementwise operation.
double reference_value(Op op, std::span<const double> x);
/// Partial derivatives d value / d x_k into `partial`.
void reference_partials(Op op, std::span<const double> x, double value, std::span<double> partial);

struct ReferenceResult {
  double log_density;  // -inf where a guard fails or the value is not finite
  double log_density_no_jacobian;
  std::vector<double> gradient;  // of log_density
  std::vector<double> outputs;
};
/// The log density, its gradient and the values of `outputs` at one point, node by node. `states`:
/// the values of the discrete variables.
ReferenceResult reference_evaluate(const Graph& graph, std::span<const double> theta_unc,
                                   std::span<const Scalar> outputs = {},
                                   std::span<const double> states = {});

}  // namespace vinci::graph
