// Lowering: a checked program and its data become a DensityGraph over unconstrained parameters,
// with what is needed to read the results: names, shapes, constrained values; and the generated
// quantities of draws.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "check/check.h"
#include "data/data_table.h"
#include "graph/graph.h"
#include "lower/bound_type.h"
#include "lower/tracer.h"
#include "numeric/random/random_stream.h"
#include "source/diagnostic.h"

namespace vinci::lower {

struct LowerOptions {
  TraceOptions trace;
  uint64_t seed = 1;  // of the random numbers that transformed data draws
  /// Parameters of which points are sought: their constraint transforms leave no Jacobian, so that
  /// a maximum is one over the declared space. (Unit vectors keep theirs, which only holds the
  /// norm of the coordinates.)
  std::vector<std::string> points;
};

/// A parameter or transformed parameter.
struct LoweredVariable {
  std::string name;
  syntax::VariableId variable;
  bool is_parameter = false;
  source::Span span;
  BoundType type;                    // bounds may hold nodes of the graph
  int64_t unconstrained_offset = 0;  // of a parameter: its coordinates
  int64_t unconstrained_size = 0;
  int64_t constrained_offset = 0;  // into Lowered::constrained
  int64_t constrained_size = 0;    // numbers; a complex one counts twice
  Value value;                     // constrained, in terms of the graph; elements row-major
};

struct Lowered {
  graph::Graph graph;  // its parameters are the unconstrained coordinates
  int64_t num_unconstrained = 0;
  std::vector<LoweredVariable>
      variables;  // parameters, then transformed parameters, in order of declaration
  /// Constrained parameters and transformed parameters in CmdStan's order (the first index varies
  /// fastest) and their names (`Sigma.2.1`, `z.real`, `t:1`).
  std::vector<std::string> constrained_names;
  std::vector<Scalar> constrained;
  std::vector<std::string> unconstrained_names;
  /// Values of the data and transformed data by VariableId, for generated quantities.
  std::shared_ptr<const std::vector<Value>> data;

  /// All values and bounds above that are numbers of `graph`, for whoever replaces the graph.
  std::vector<Scalar*> scalars();
};

/// Binds the data, runs transformed data once, and traces the parameters (constraint transforms;
/// log Jacobians as terms with is_jacobian), transformed parameters and model blocks. Both `~` and
/// `target +=` keep all normalising constants. Reports to `sink`: faults of the data, and the first
/// run-time failure of the program (index-range, rejected, argument-value, not-covered, limit,
/// ...), in which case there is no result. Cost: some 100 ns per scalar statement that runs.
std::optional<Lowered> lower(const check::TypedProgram& typed, const data::DataTable& data,
                             const LowerOptions& options, source::DiagnosticSink& sink);

/// Initial values: for each parameter that `values` holds, its unconstrained coordinates go to
/// their place in `theta_unc` (length num_unconstrained) and `given` (same length) is set there;
/// the others are left as they are. Bounds that depend on other parameters are taken at
/// `theta_unc`. Reports values of the wrong shape or outside of their constraint; names that are no
/// parameters are ignored. Returns whether all is well.
bool unconstrain_parameters(const Lowered& lowered, const data::DataTable& values,
                            std::span<double> theta_unc, std::vector<bool>& given,
                            source::DiagnosticSink& sink);

/// Runs the generated quantities block for draws. One object serves one thread; `program` and
/// `lowered` outlive it.
class GeneratedQuantities {
 public:
  /// Throws TraceError where a declared size cannot be evaluated.
  GeneratedQuantities(const check::TypedProgram& typed, const Lowered& lowered,
                      const TraceOptions& options = {});
  ~GeneratedQuantities();

  /// Names in CmdStan's order; empty if the program has no such block.
  const std::vector<std::string>& names() const { return names_; }

  /// `constrained`: values in the order of Lowered::constrained. `out`: as many as names. Where the
  /// block fails (reject, a constraint, an index), `out` is NaN and the result is the failure.
  std::optional<TraceError> evaluate(std::span<const double> constrained,
                                     numeric::RandomStream& random, std::span<double> out);

  /// Runs the block once on nodes: afterwards coordinate k of graph() is number k of
  /// Lowered::constrained, and the result is the values of `names()`. A guard of graph() that fails
  /// means that `evaluate` decides. Null where the block draws random numbers, or its control flow
  /// or indices depend on parameters in a way that a graph does not express. `evaluate` needs
  /// another object then.
  std::optional<std::vector<Scalar>> trace();
  const graph::Graph& graph() const { return graph_; }

 private:
  void set_parameters(std::span<const Scalar> constrained);
  std::vector<Scalar> outputs();

  const syntax::Program& program_;
  const Lowered& lowered_;
  graph::Graph graph_;  // empty where all is constant
  std::vector<Scalar> constrained_;
  Tracer tracer_;
  std::vector<std::string> names_;
  std::vector<std::vector<int64_t>> positions_;  // by Lowered::variables; empty for tuples
  std::vector<syntax::StmtId> declarations_;
  std::vector<std::vector<int64_t>> output_positions_;  // by declarations_
};

}  // namespace vinci::lower
