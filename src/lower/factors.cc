#include "lower/factors.h"

#include "lower/bind.h"
#include "lower/transforms.h"

namespace vinci::lower {

using source::DiagnosticKind;
using syntax::BlockKind;
using syntax::Stmt;
using syntax::StmtId;

namespace {

bool is_symmetric(ConstraintKind kind) {
  return kind == ConstraintKind::kCovMatrix || kind == ConstraintKind::kCorrMatrix;
}

/// A value of the type whose elements are new coordinates of the graph; ints are discrete
/// variables, whose coordinates only take the place of their numbers.
Value coordinates(graph::Graph& graph, const BoundType& type, source::Span span,
                  const std::string& name) {
  if (type.base == BaseType::kInt) {
    Value states = constrain(graph, type, {}, span, name, nullptr);
    for (size_t k = 0; k < states.elements.size(); ++k) graph.parameter(graph.num_parameters());
    return states;
  }
  Value value = make_undefined(type);
  const int64_t size = type.container_size();
  const int64_t side = is_symmetric(type.constraint) ? type.dims[0] : 0;
  for (size_t k = 0; k < value.elements.size(); ++k) {
    const int64_t within = size == 0 ? 0 : static_cast<int64_t>(k) % size;
    if (side > 0 && within % side > within / side) continue;
    value.elements[k] = graph.parameter(graph.num_parameters());
  }
  for (size_t k = 0; side > 0 && k < value.elements.size(); ++k) {
    const int64_t within = static_cast<int64_t>(k) % size;
    const int64_t row = within / side, column = within % side;
    if (column <= row) continue;
    value.elements[k] =
        value.elements[k - static_cast<size_t>(within) + static_cast<size_t>(column * side + row)];
  }
  const bool is_bounded =
      type.constraint == ConstraintKind::kLower || type.constraint == ConstraintKind::kLowerUpper;
  const bool is_non_negative = is_bounded && type.low.elements.size() == 1 &&
                               type.low.elements[0].is_constant() &&
                               type.low.elements[0].constant() >= 0;
  if (is_non_negative || type.constraint == ConstraintKind::kSimplex) {
    for (const Scalar& s : value.elements) graph.assume(s, graph::kRangePositive);
  }
  return value;
}

}  // namespace

FactorTrace::FactorTrace(const check::TypedProgram& typed, const TraceOptions& options)
    : program_(typed.program), tracer_(program_, graph_, options) {}

FactorTrace::~FactorTrace() = default;

bool FactorTrace::run(const data::DataTable& data, uint64_t seed, FactorSink& sink,
                      source::DiagnosticSink& diagnostics) {
  return report_trace_errors(diagnostics, [&] {
    if (!run_data_blocks(program_, data, seed, tracer_, diagnostics)) return false;
    for (StmtId id : program_.block(BlockKind::kParameters).stmts) {
      const Stmt& s = program_.stmts[id];
      if (s.kind != Stmt::Kind::kDeclaration) continue;
      const BoundType type = tracer_.bind_type(s.decl_type, s.name);
      const source::Span span = s.name_span.valid() ? s.name_span : s.span;
      if (const std::string problem = check_sizes(type); !problem.empty()) {
        throw TraceError{span, DiagnosticKind::kSize, "`" + s.name + "` " + problem};
      }
      if (type.base == BaseType::kTuple || type.is_complex()) {
        throw TraceError{span, DiagnosticKind::kNotCovered,
                         "`" + s.name + "` is a tuple or complex, which no factor reads"};
      }
      Value value = coordinates(graph_, type, span, s.name);
      sink.parameter(s.name, type, value, span);
      tracer_.slot(s.variable) = std::move(value);
      tracer_.set_global_type(s.variable, type);
    }
    if (tracer_.uses_target()) {
      throw TraceError{
          {},
          DiagnosticKind::kNotCovered,
          "the program reads `target()`, which has no value before all factors are known"};
    }
    tracer_.set_factor_sink(&sink);
    tracer_.run_block(BlockKind::kTransformedParameters);
    tracer_.run_block(BlockKind::kModel);
    tracer_.set_factor_sink(nullptr);
    return true;
  });
}

}  // namespace vinci::lower
