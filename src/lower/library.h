// The function library as the tracer sees it: a name leads to one row, a row to code that maps
// values to a value. Constant arguments give constant results, so the same rows serve transformed
// data, the log density and generated quantities.
#pragma once

#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lower/value.h"
#include "numeric/random/random_stream.h"
#include "source/diagnostic.h"

namespace vinci::lower {

/// A run-time failure of the program: index out of range, a rejected statement, sizes that do not
/// match. `message` is in the form of a diagnostic (lower case, no full stop).
struct TraceError {
  source::Span span;
  source::DiagnosticKind kind;
  std::string message;
};

/// What a library function may use. `span` is the call's.
struct Call {
  graph::Graph& graph;
  numeric::RandomStream* random =
      nullptr;  // null outside transformed data and generated quantities
  source::Span span;
  std::string_view name;
  /// Calls a function value (user function) with arguments; set by the tracer, for higher-order
  /// functions.
  std::function<Value(const Value& function, std::vector<Value> arguments)> invoke;
  std::ostream* messages = nullptr;  // where the program's messages go; may be null
  /// Under which condition on parameters (1 or 0) the call runs: a node inside of a branch on
  /// parameters.
  Scalar condition = 1.0;
  /// Outside of the log density a condition that a constant violates is an error, not a density of
  /// zero.
  bool is_strict = false;

  [[noreturn]] void fail(
      const std::string& message,
      source::DiagnosticKind kind = source::DiagnosticKind::kArgumentValue) const {
    throw TraceError{span, kind, message};
  }
  /// The lane has density zero unless `value` satisfies the condition (or the call does not take
  /// place, see `condition`). A constant that fails makes the density zero everywhere, or is a
  /// TraceError where the call is strict.
  void require(graph::Guard::Kind kind, Scalar value, const std::string& what) const {
    if (value.is_constant() && graph::holds(kind, value.constant())) return;
    if (condition.is_constant()) {
      if (is_strict && value.is_constant()) fail_condition(kind, value.constant(), what);
      graph.require(kind, value, span, what);
      return;
    }
    // 1 satisfies every condition but kNever.
    if (kind == graph::Guard::Kind::kNever) {
      graph.require(graph::Guard::Kind::kNonZero, graph.select(condition, 0.0, 1.0), span, what);
    } else {
      graph.require(kind, graph.select(condition, value, 1.0), span, what);
    }
  }
  [[noreturn]] void fail_condition(graph::Guard::Kind kind, double value,
                                   const std::string& what) const;
};

using LibraryFunction = Value (*)(const Call& call, std::span<const Value> args);

/// Adds rows; each file of the library has one such function, listed in library.cc.
class LibraryTable {
 public:
  void add(std::string_view name, LibraryFunction function);
  LibraryFunction find(std::string_view name) const;  // null if there is none
  std::vector<std::string> names() const;

  static const LibraryTable& instance();

 private:
  struct Row {
    std::string name;
    LibraryFunction function;
  };
  std::vector<Row> rows_;
  std::unordered_map<std::string, size_t> by_name_;
};

// One per file of src/lower/library/:
void add_elementwise_functions(
    LibraryTable& table);  // exp, log, …, pow, fmin, …: vectorised over containers
void add_container_functions(LibraryTable& table);  // sums, sorts, slices, rep_*, to_*, append_*, …
void add_constraint_functions(LibraryTable& table);  // *_constrain, *_jacobian, *_unconstrain
void add_linear_algebra(
    LibraryTable& table);  // products, factorisations, solves, gp_*_cov, quad_form, …
void add_complex_functions(LibraryTable& table);
void add_higher_order_functions(
    LibraryTable& table);  // ode_*, integrate_1d, reduce_sum, map_rect, solvers
void add_continuous_densities(
    LibraryTable& table);  // *_lpdf, *_cdf, *_lcdf, *_lccdf of real outcomes
void add_discrete_densities(LibraryTable& table);  // *_lpmf, … of integer outcomes
void add_multivariate_densities(LibraryTable& table);
void add_random_generators(LibraryTable& table);  // *_rng

/// The operators `+ - * / \ .* ./ ^ .^ % %/% == != < <= > >= ! ' ` on values
/// (lower/library/operators.cc).
Value apply_binary(const Call& call, syntax::Operator op, const Value& a, const Value& b);
Value apply_unary(const Call& call, syntax::Operator op,
                  const Value& a);  // negate, plus, not, transpose

}  // namespace vinci::lower
