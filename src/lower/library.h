// The function library as the tracer sees it: a name leads to one row, a row to code that maps values to a value.
// Constant arguments give constant results, so the same rows serve transformed data, the log density and generated
// quantities.
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

/// A run-time failure of the program: index out of range, a rejected statement, sizes that do not match. `message` is in
/// the form of a diagnostic (lower case, no full stop).
struct TraceError {
  source::Span span;
  source::DiagnosticKind kind;
  std::string message;
};

/// What a library function may use. `span` is the call's.
struct Call {
  graph::Graph& graph;
  numeric::RandomStream* random = nullptr;  // null outside transformed data and generated quantities
  source::Span span;
  std::string_view name;
  /// Calls a function value (user function) with arguments; set by the tracer, for higher-order functions.
  std::function<Value(const Value& function, std::vector<Value> arguments)> invoke;
  std::ostream* messages = nullptr;  // where the program's messages go; may be null

  [[noreturn]] void fail(
      const std::string& message,
      source::DiagnosticKind kind = source::DiagnosticKind::kArgumentValue) const {
    throw TraceError{span, kind, message};
  }
  /// The lane has density zero unless `value` satisfies the condition; a constant that fails is a TraceError-free
  /// rejection of the whole density (Graph::require).
  void require(graph::Guard::Kind kind, Scalar value, const std::string& what) const {
    graph.require(kind, value, span, what);
  }
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
void add_elementwise_functions(LibraryTable& table);   // exp, log, …, pow, fmin, …: vectorised over containers
void add_container_functions(LibraryTable& table);     // sums, sorts, slices, rep_*, to_*, append_*, …
void add_linear_algebra(LibraryTable& table);          // products, factorisations, solves, gp_*_cov, quad_form, …
void add_complex_functions(LibraryTable& table);
void add_higher_order_functions(LibraryTable& table);  // ode_*, integrate_1d, reduce_sum, map_rect, solvers
void add_continuous_densities(LibraryTable& table);    // *_lpdf, *_cdf, *_lcdf, *_lccdf of real outcomes
void add_discrete_densities(LibraryTable& table);      // *_lpmf, … of integer outcomes
void add_multivariate_densities(LibraryTable& table);
void add_random_generators(LibraryTable& table);       // *_rng

/// The operators `+ - * / \ .* ./ ^ .^ % %/% == != < <= > >= ! ' ` on values (lower/library/operators.cc).
Value apply_binary(const Call& call, syntax::Operator op, const Value& a, const Value& b);
Value apply_unary(const Call& call, syntax::Operator op, const Value& a);  // negate, plus, not, transpose

}  // namespace vinci::lower
