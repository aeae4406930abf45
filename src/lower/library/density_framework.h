// How a density becomes rows of the library: a density is one function of scalars; that its
// arguments may be any mix of scalars and containers, and that it has the names `_lpdf`, `_lupdf`
// and so on, are rules that stand here once.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>
#include <numbers>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lower/library.h"

namespace vinci::lower {

inline constexpr double kLogPi = 1.1447298858494001741;
inline constexpr double kLogTwoPi = 1.8378770664093454836;
inline constexpr double kLogSqrtTwoPi = 0.91893853320467274178;
inline constexpr double kNegativeInfinity = -std::numeric_limits<double>::infinity();

/// A scalar with its graph, so that formulas read as formulas. Arithmetic folds constants.
class Expr {
 public:
  Expr(graph::Graph& graph, Scalar scalar) : graph_(&graph), scalar_(scalar) {}

  graph::Graph& graph() const { return *graph_; }
  Scalar scalar() const { return scalar_; }
  bool is_constant() const { return scalar_.is_constant(); }
  double constant() const { return scalar_.constant(); }
  bool is_constant(double value) const { return is_constant() && constant() == value; }
  Expr of(Scalar scalar) const { return {*graph_, scalar}; }

  friend Expr operator+(Expr a, Expr b) { return a.of(a.graph_->add(a.scalar_, b.scalar_)); }
  friend Expr operator-(Expr a, Expr b) { return a.of(a.graph_->sub(a.scalar_, b.scalar_)); }
  friend Expr operator*(Expr a, Expr b) { return a.of(a.graph_->mul(a.scalar_, b.scalar_)); }
  friend Expr operator/(Expr a, Expr b) { return a.of(a.graph_->div(a.scalar_, b.scalar_)); }
  friend Expr operator+(Expr a, double b) { return a + a.of(b); }
  friend Expr operator-(Expr a, double b) { return a - a.of(b); }
  friend Expr operator*(Expr a, double b) { return a * a.of(b); }
  friend Expr operator/(Expr a, double b) { return a / a.of(b); }
  friend Expr operator+(double a, Expr b) { return b.of(a) + b; }
  friend Expr operator-(double a, Expr b) { return b.of(a) - b; }
  friend Expr operator*(double a, Expr b) { return b.of(a) * b; }
  friend Expr operator/(double a, Expr b) { return b.of(a) / b; }
  friend Expr operator-(Expr a) { return a.of(a.graph_->neg(a.scalar_)); }

  friend Expr exp(Expr a) { return a.of(a.graph_->exp(a.scalar_)); }
  friend Expr log(Expr a) { return a.of(a.graph_->log(a.scalar_)); }
  friend Expr log1p(Expr a) { return a.of(a.graph_->log1p(a.scalar_)); }
  friend Expr log1m(Expr a) { return a.of(a.graph_->log1m(a.scalar_)); }
  friend Expr log1p_exp(Expr a) { return a.of(a.graph_->log1p_exp(a.scalar_)); }
  friend Expr sqrt(Expr a) { return a.of(a.graph_->sqrt(a.scalar_)); }
  friend Expr square(Expr a) { return a.of(a.graph_->square(a.scalar_)); }
  friend Expr inv(Expr a) { return a.of(a.graph_->inv(a.scalar_)); }
  friend Expr lgamma(Expr a) { return a.of(a.graph_->lgamma(a.scalar_)); }
  friend Expr inv_logit(Expr a) { return a.of(a.graph_->inv_logit(a.scalar_)); }
  friend Expr identity(Expr a) { return a; }

 private:
  graph::Graph* graph_;
  Scalar scalar_;
};

inline Expr apply(graph::Op op, Expr a) { return a.of(a.graph().apply(op, a.scalar())); }
inline Expr apply(graph::Op op, Expr a, Expr b) {
  return a.of(a.graph().apply(op, a.scalar(), b.scalar()));
}
inline Expr apply(graph::Op op, Expr a, Expr b, Expr c) {
  return a.of(a.graph().apply(op, a.scalar(), b.scalar(), c.scalar()));
}
/// c ? a : b; both sides are evaluated, so both need finite derivatives.
inline Expr select(Expr c, Expr a, Expr b) { return apply(graph::Op::kSelect, c, a, b); }
inline Expr less(Expr a, Expr b) { return apply(graph::Op::kLess, a, b); }
inline Expr abs(Expr a) { return apply(graph::Op::kAbs, a); }
inline Expr log1m_exp(Expr a) { return apply(graph::Op::kLog1mExp, a); }
inline Expr std_normal_cdf(Expr a) { return apply(graph::Op::kStdNormalCdf, a); }
inline Expr std_normal_lcdf(Expr a) { return apply(graph::Op::kStdNormalLcdf, a); }
inline Expr log_diff_exp(Expr a, Expr b) { return apply(graph::Op::kLogDiffExp, a, b); }

/// log Gamma(x + d) - log Gamma(x), x > 0, x + d > 0, |d| not much above x where x is large. For x
/// >= 1e4 by Stirling's series, where the difference of two logarithms of Gamma would lose all
/// digits; error about 1e-12 either way. [DLMF 5.11.1]
Expr lgamma_difference(Expr x, Expr d);

/// log Beta(a, b).
Expr lbeta(Expr a, Expr b);

/// log n choose k of constants, 0 <= k <= n.
double log_choose(double n, double k);

/// A log density in the making: addends of all elements, merged, and the checks of the arguments.
/// Addends that the elements share (log of a common scale) or constants (of the data) merge into
/// one, whatever the number of elements.
class Density {
 public:
  explicit Density(const Call& call) : call_(call) {}

  const Call& call() const { return call_; }
  Expr expr(Scalar s) const { return {call_.graph, s}; }

  void operator+=(Expr x) { add(1, x); }
  void operator-=(Expr x) { add(-1, x); }
  void operator+=(double x) { constant_ += x; }
  void operator-=(double x) { constant_ -= x; }
  /// weight * x; nothing where weight is 0, whatever x: 0 log 0 = 0.
  void add(double weight, Expr x);
  /// weight * a * b; nothing where a or weight is constant 0.
  void add_product(Expr a, Expr b, double weight = 1);

  /// Density zero unless the condition holds. `what` names the argument: "scale", "outcome".
  void require_positive(Expr x, const char* what);
  void require_non_negative(Expr x, const char* what);
  void require_probability(Expr x, const char* what);
  void require_less(Expr a, Expr b, const char* what);
  /// The same for a simplex. That elements sum to one is not checked where each is known to lie in
  /// [0, 1], as those of a declared simplex are.
  void require_simplex(std::span<const Scalar> x, const char* what);
  /// A condition that was to hold, when it has not been applied yet.
  struct Condition {
    graph::Guard::Kind kind;
    Scalar value;
    std::string what;
  };
  /// From now on the integers are states of discrete variables: where a constant is outside of its
  /// range, is_outside() is set instead of a diagnostic, and other conditions are kept.
  void set_states() { are_states_ = true; }
  bool is_outside() const { return is_outside_; }
  const std::vector<Condition>& conditions() const { return conditions_; }
  /// Value of an integer argument; a diagnostic if it depends on parameters.
  int64_t integer(Expr x, const char* what) const;
  /// As `integer`, and a diagnostic unless lower <= x <= upper.
  int64_t integer(Expr x, const char* what, int64_t lower, int64_t upper) const;
  /// A count that may depend on discrete variables; density zero where it is negative.
  void require_count(Expr x, const char* what);

  /// Sum of the addends so far; the next addend starts anew.
  Expr total();

  /// What is known of a value (graph::RangeFlags).
  uint8_t range(Expr x) const { return call_.graph.range(x.scalar()); }

 private:
  void require(graph::Guard::Kind kind, Expr x, const char* what);
  void require(graph::Guard::Kind kind, Scalar value, std::string what);

  const Call& call_;
  bool are_states_ = false;
  mutable bool is_outside_ = false;
  std::vector<Condition> conditions_;
  double constant_ = 0;
  std::vector<double> weights_;
  std::vector<Scalar> parts_;
};

/// `normal` of `normal_lpdf`.
std::string distribution_name(std::string_view function_name);

/// Number of elements that the arguments agree on: 1 if all are scalars; a diagnostic if two
/// containers differ.
size_t common_size(const Call& call, std::span<const Value> args);

/// Element i of an argument; a scalar is its only element again and again.
inline Scalar element(const Value& arg, size_t i) {
  return arg.is_scalar() ? arg.elements[0] : arg.elements[i];
}

/// Elements of a vector, or of vector i of an array of vectors; a vector is its only one again and
/// again.
inline std::span<const Scalar> vector_of(const Value& v, size_t i) {
  if (v.type.array_depth == 0) return v.elements;
  const auto length = static_cast<size_t>(v.dims.back());
  return {v.elements.data() + i * length, length};
}

/// The outcome is known to have a density of zero there: constant y with y < lower.
inline bool is_below(Expr y, Expr lower) {
  return y.is_constant() && lower.is_constant() && y.constant() < lower.constant();
}

/// Rows of the name with each suffix of a log density (`_lpdf` for real, `_lpmf` for integer
/// outcomes), and the older
/// `_log`.
void add_density_names(LibraryTable& table, const std::string& name, LibraryFunction function);
void add_mass_names(LibraryTable& table, const std::string& name, LibraryFunction function);
void add_cdf_names(LibraryTable& table, const std::string& name, LibraryFunction cdf,
                   LibraryFunction lcdf, LibraryFunction lccdf);

template <class Result, class... Args>
constexpr size_t density_arity(Result (*)(Density&, Args...)) {
  return sizeof...(Args);
}

/// The joint states of the arguments that depend on discrete variables (or are integers for another
/// reason that bounds them), for functions that need their integers to be known: the value at each
/// state is computed, and `choose` picks among them.
class StateTable {
 public:
  /// `x`: one element of each argument; `is_int[k]` says which are integers.
  StateTable(Density& density, std::span<const Scalar> x, std::span<const bool> is_int);
  /// Nothing depends on a state.
  bool empty() const { return arguments_.empty(); }
  size_t num_states() const { return num_states_; }
  /// Sets the integers in `x` to their values at state `s`.
  void set_state(size_t s, std::span<Scalar> x) const;
  /// values[s], s the state.
  Expr choose(std::span<const Scalar> values) const;
  /// Applies the conditions that were kept at each state: those of all states, and each of the
  /// others where its state is the present one.
  void require(std::span<const std::vector<Density::Condition>> conditions) const;

 private:
  struct Argument {
    size_t position;
    Scalar value;
    int64_t low;
    int64_t count;
  };
  /// The number of the present state, from 1.
  Scalar index() const;

  Density& density_;
  std::vector<Argument> arguments_;
  size_t num_states_ = 1;
};

/// Adds f(density, y) of a category y in 1..categories; of a y that depends on discrete variables
/// the pick among the values of f.
template <class F>
void add_category(Density& density, Scalar y, size_t categories, F f) {
  const auto last = static_cast<int64_t>(categories);
  if (y.is_constant()) {
    f(density, density.integer(density.expr(y), "outcome", 1, last));
    return;
  }
  const bool is_int[] = {true};
  const StateTable states(density, {&y, 1}, is_int);
  if (states.empty()) density.integer(density.expr(y), "outcome");  // says that it has to be known
  std::vector<Scalar> values;
  std::vector<std::vector<Density::Condition>> conditions;
  for (size_t s = 0; s < states.num_states(); ++s) {
    Scalar state;
    states.set_state(s, {&state, 1});
    const auto k = static_cast<int64_t>(state.constant());
    Density one(density.call());
    one.set_states();
    if (k >= 1 && k <= last) f(one, k);
    const bool is_outside = k < 1 || k > last || one.is_outside();
    values.push_back(is_outside ? Scalar(kNegativeInfinity) : one.total().scalar());
    conditions.push_back(one.conditions());
  }
  states.require(conditions);
  density += states.choose(values);
}

/// kFunction(density, x[0], x[1], ...) where integers may be nodes: its value, or mass, at every
/// state they may have.
template <auto kFunction>
auto call_scalars(Density& density, std::span<const Scalar> x, std::span<const bool> is_int) {
  constexpr auto kIndices = std::make_index_sequence<density_arity(kFunction)>();
  const auto call = []<size_t... k>(Density& d, std::span<const Scalar> a,
                                    std::index_sequence<k...>) {
    return kFunction(d, d.expr(a[k])...);
  };
  constexpr bool kIsMass = std::is_void_v<decltype(call(density, x, kIndices))>;
  bool any_open = false;
  for (size_t k = 0; k < x.size(); ++k) any_open |= is_int[k] && !x[k].is_constant();
  if (!any_open) return call(density, x, kIndices);
  const StateTable states(density, x, is_int);
  if (states.empty()) return call(density, x, kIndices);
  std::vector<Scalar> at(x.begin(), x.end());
  std::vector<Scalar> values;
  std::vector<Scalar> inside;
  std::vector<std::vector<Density::Condition>> conditions;
  for (size_t s = 0; s < states.num_states(); ++s) {
    states.set_state(s, at);
    Density one(density.call());
    one.set_states();
    if constexpr (kIsMass) {
      call(one, at, kIndices);
      values.push_back(one.total().scalar());
      if (one.is_outside()) values.back() = kNegativeInfinity;
    } else {
      values.push_back(call(one, at, kIndices).scalar());
      inside.push_back(one.is_outside() ? 0.0 : 1.0);
    }
    conditions.push_back(one.conditions());
  }
  states.require(conditions);
  if constexpr (kIsMass) {
    density += states.choose(values);
  } else {
    density.require_positive(states.choose(inside), "an integer inside of the domain");
    return states.choose(values);
  }
}

/// kFunction(density, args[0][i], args[1][i], ...). `tabulate`: the function wants to know its
/// integers.
template <auto kFunction>
auto call_element(Density& density, std::span<const Value> args, size_t i, bool tabulate) {
  constexpr size_t kArity = density_arity(kFunction);
  Scalar x[kArity];
  bool is_int[kArity];
  for (size_t k = 0; k < kArity; ++k) {
    x[k] = element(args[k], i);
    is_int[k] = tabulate && args[k].type.base == BaseType::kInt;
  }
  return call_scalars<kFunction>(density, x, is_int);
}

/// Sum over elements of an elementwise log density `void (Density&, Expr...)`; `kIsMass`: of an
/// integer outcome.
template <auto kFunction, bool kIsMass = false>
Value sum_density(const Call& call, std::span<const Value> args) {
  const size_t size = common_size(call, args);
  Density density(call);
  for (size_t i = 0; i < size; ++i) call_element<kFunction>(density, args, i, kIsMass);
  return Value::real(density.total().scalar());
}

/// Sum over elements of kTransform(kFunction(...)), `Expr (Density&, Expr...)`.
template <auto kFunction, Expr (*kTransform)(Expr)>
Value sum_of(const Call& call, std::span<const Value> args) {
  const size_t size = common_size(call, args);
  const bool tabulate = args[0].type.base == BaseType::kInt;
  Density density(call);
  for (size_t i = 0; i < size; ++i)
    density += kTransform(call_element<kFunction>(density, args, i, tabulate));
  return Value::real(density.total().scalar());
}

/// Product over elements of kTransform(kFunction(...)).
template <auto kFunction, Expr (*kTransform)(Expr)>
Value product_of(const Call& call, std::span<const Value> args) {
  const size_t size = common_size(call, args);
  const bool tabulate = args[0].type.base == BaseType::kInt;
  Density density(call);
  Expr product = density.expr(1.0);
  for (size_t i = 0; i < size; ++i) {
    product = product * kTransform(call_element<kFunction>(density, args, i, tabulate));
  }
  return Value::real(product.scalar());
}

inline Expr transform_identity(Expr x) { return x; }
inline Expr transform_log(Expr x) { return log(x); }
inline Expr transform_log1m(Expr x) { return log1m(x); }
inline Expr transform_exp(Expr x) { return exp(x); }

template <auto kFunction>
void add_density(LibraryTable& table, const std::string& name) {
  add_density_names(table, name, sum_density<kFunction>);
}
template <auto kFunction>
void add_mass(LibraryTable& table, const std::string& name) {
  add_mass_names(table, name, sum_density<kFunction, true>);
}
/// `_cdf`, `_lcdf`, `_lccdf` from the distribution function.
template <auto kCdf>
void add_cdf(LibraryTable& table, const std::string& name) {
  add_cdf_names(table, name, product_of<kCdf, transform_identity>, sum_of<kCdf, transform_log>,
                sum_of<kCdf, transform_log1m>);
}
/// The same from the logarithms of the distribution function and its complement, for accuracy in
/// both tails.
template <auto kLcdf, auto kLccdf>
void add_log_cdf(LibraryTable& table, const std::string& name) {
  add_cdf_names(table, name, product_of<kLcdf, transform_exp>, sum_of<kLcdf, transform_identity>,
                sum_of<kLccdf, transform_identity>);
}
/// The same from the distribution function and its complement.
template <auto kCdf, auto kCcdf>
void add_cdf_pair(LibraryTable& table, const std::string& name) {
  add_cdf_names(table, name, product_of<kCdf, transform_identity>, sum_of<kCdf, transform_log>,
                sum_of<kCcdf, transform_log>);
}

}  // namespace vinci::lower
