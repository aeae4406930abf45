// What the tests of densities share: calls of table rows with constants or parameters, and
// derivatives.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "lower/library.h"

namespace vinci::lower {

inline const LibraryTable& density_table() {
  static const LibraryTable table = [] {
    LibraryTable t;
    add_continuous_densities(t);
    add_discrete_densities(t);
    add_multivariate_densities(t);
    add_random_generators(t);
    return t;
  }();
  return table;
}

inline Value call_row(graph::Graph& graph, const std::string& name, const std::vector<Value>& args,
                      numeric::RandomStream* random = nullptr) {
  const LibraryFunction function = density_table().find(name);
  if (function == nullptr) {
    ADD_FAILURE() << "no row " << name;
    return Value::real(0.0);
  }
  Call call{graph, random, {}, name, {}, nullptr};
  return function(call, args);
}

inline std::vector<Scalar> scalars(const std::vector<double>& x) { return {x.begin(), x.end()}; }

/// Value of a row at constants, every argument a scalar.
inline double constant_call(const std::string& name, const std::vector<double>& args) {
  graph::Graph graph;
  std::vector<Value> values;
  for (double x : args) values.push_back(Value::real(x));
  const Value result = call_row(graph, name, values);
  EXPECT_TRUE(result.is_constant()) << name;
  return result.scalar().constant();
}

inline double constant_call(const std::string& name, const std::vector<Value>& args) {
  graph::Graph graph;
  const Value result = call_row(graph, name, args);
  EXPECT_TRUE(result.is_constant()) << name;
  return result.scalar().constant();
}

inline void expect_close(double actual, double expected, double tolerance,
                         const std::string& what) {
  if (actual == expected) return;
  EXPECT_LE(std::abs(actual - expected), tolerance * std::max(1.0, std::abs(expected)))
      << what << ": " << actual << ", expected " << expected;
}

/// Checks the gradient that the graph of `build` has at `point` against fourth-order differences,
/// and the value against `expected`.
template <class Build>
void expect_gradient(const std::string& what, const std::vector<double>& point, double expected,
                     Build build, double tolerance = 1e-6) {
  graph::Graph graph;
  std::vector<Scalar> parameters;
  for (size_t k = 0; k < point.size(); ++k)
    parameters.push_back(graph.parameter(static_cast<int>(k)));
  graph.add_term(build(graph, parameters), {});
  const graph::ReferenceResult at = graph::reference_evaluate(graph, point);
  expect_close(at.log_density, expected, 1e-9, what);
  for (size_t k = 0; k < point.size(); ++k) {
    const double h = 1e-3 * std::max(std::abs(point[k]), 0.1);
    const auto value = [&](double offset) {
      std::vector<double> moved = point;
      moved[k] += offset;
      return graph::reference_evaluate(graph, moved).log_density;
    };
    const double slope = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
    expect_close(at.gradient[k], slope, tolerance, what + " derivative " + std::to_string(k));
  }
}

}  // namespace vinci::lower
