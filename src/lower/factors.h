// Factors: the statements of a program as coordinate ascent needs them: a density by name with its
// arguments, over parameters on the constrained scale; nothing is computed and nothing summed.
// The same evaluator as for the log density runs the program, so that loops, functions, data and
// linear maps are available. Neighbours: tracer.h; conjugate/ reads the result.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "check/check.h"
#include "data/data_table.h"
#include "graph/graph.h"
#include "lower/bound_type.h"
#include "lower/tracer.h"
#include "source/diagnostic.h"

namespace vinci::lower {

/// An argument of a density: a value whose numbers are constants or nodes, or a gate: element
/// `index` (a node, from 1) of the first dimension of `table`. Gates are not expanded: a statement
/// takes memory for its own numbers only. Equal tables have equal ids.
struct FactorArgument {
  Value value;
  const Value* table = nullptr;  // null: no gate
  int32_t table_id = -1;
  Scalar index;
};

/// Gets the factors in the order in which the program states them. Values are valid during the
/// call, tables as long as the FactorTrace.
class FactorSink {
 public:
  virtual ~FactorSink() = default;
  /// A parameter, before any factor. Its elements are coordinates of the graph, on the constrained
  /// scale, row-major; the upper triangle of a symmetric matrix repeats the lower one's. Ints are
  /// discrete variables of the graph.
  virtual void parameter(const std::string& name, const BoundType& type, const Value& value,
                         source::Span span) = 0;
  /// `density` (such as `normal`) of arguments; args[0] is the outcome.
  virtual void factor(std::string_view density, std::span<const FactorArgument> args,
                      source::Span span) = 0;
  /// Anything else that is added to the log density.
  virtual void addend(Scalar value, source::Span span) = 0;
};

/// Holds the graph and the tables of a trace.
class FactorTrace {
 public:
  FactorTrace(const check::TypedProgram& typed, const TraceOptions& options);
  ~FactorTrace();
  /// Binds the data and runs the program; false where that failed (reported to `diagnostics`).
  /// `seed`: of the random numbers that transformed data draws.
  bool run(const data::DataTable& data, uint64_t seed, FactorSink& sink,
           source::DiagnosticSink& diagnostics);
  graph::Graph& graph() { return graph_; }

 private:
  const syntax::Program& program_;
  graph::Graph graph_;
  Tracer tracer_;
};

}  // namespace vinci::lower
