#include "lower/lower.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/bind.h"
#include "lower/bind.h"
#include "lower/transforms.h"

namespace vinci::lower {
namespace {

using source::DiagnosticKind;
using syntax::BlockKind;
using syntax::Stmt;
using syntax::StmtId;

/// Numbers of a complex leaf lie in pairs; `positions` counts elements.
template <class Visit>
void visit_in_output_order(const BoundType& type, const std::vector<int64_t>& positions,
                           Visit visit) {
  const int64_t w = type.is_complex() ? 2 : 1;
  for (int64_t p : positions) {
    for (int64_t part = 0; part < w; ++part) visit(static_cast<size_t>(p * w + part));
  }
}

void append_unconstrained_names(const std::string& name, const BoundType& type,
                                std::vector<std::string>& names) {
  if (type.base == BaseType::kTuple) {
    std::vector<std::string> prefixes;
    // Tuples of an array come in row-major order.
    std::vector<int64_t> reversed(type.array_dims.rbegin(), type.array_dims.rend());
    append_element_names("", reversed, false, prefixes);
    for (const std::string& prefix : prefixes) {
      std::string indices;
      for (size_t end = prefix.size(); end > 0;) {
        const size_t dot = prefix.rfind('.', end - 1);
        indices += prefix.substr(dot, end - dot);
        end = dot;
      }
      for (size_t k = 0; k < type.elements.size(); ++k) {
        append_unconstrained_names(fmt::format("{}{}:{}", name, indices, k + 1), type.elements[k],
                                   names);
      }
    }
    return;
  }
  const int64_t total = unconstrained_size(type);
  const int64_t containers = type.num_containers();
  if (containers == 0) return;
  const int64_t block = total / containers;
  const bool is_plain =
      block == type.container_size() && type.dims.size() <= 2 && !type.is_complex();
  for (int64_t c = 0; c < containers; ++c) {
    std::string prefix = name;
    int64_t rest = c;
    std::vector<int64_t> index(type.array_dims.size());
    for (size_t k = index.size(); k-- > 0;) {
      index[k] = rest % type.array_dims[k] + 1;
      rest /= type.array_dims[k];
    }
    for (int64_t i : index) prefix += fmt::format(".{}", i);
    for (int64_t k = 0; k < block; ++k) {
      if (type.dims.empty() && !type.is_complex()) {
        names.push_back(prefix);
      } else if (is_plain && type.dims.size() == 2) {
        names.push_back(
            fmt::format("{}.{}.{}", prefix, k % type.dims[0] + 1, k / type.dims[0] + 1));
      } else {
        names.push_back(fmt::format("{}.{}", prefix, k + 1));
      }
    }
  }
}

class Lowerer {
 public:
  Lowerer(const check::TypedProgram& typed, const LowerOptions& options)
      : program_(typed.program),
        tracer_(program_, lowered_.graph, options.trace),
        options_(options) {}

  bool run(const data::DataTable& data, source::DiagnosticSink& sink) {
    if (!run_data_blocks(program_, data, options_.seed, tracer_, sink)) return false;
    // Generated quantities need the data and nothing else; the tracer goes on with its own copy.
    keep_data();
    parameters();
    tracer_.run_block(BlockKind::kTransformedParameters);
    transformed_parameters();
    tracer_.run_block(BlockKind::kModel);
    return true;
  }

  Lowered take() { return std::move(lowered_); }

 private:
  void keep_data() {
    auto data = std::make_shared<std::vector<Value>>(tracer_.slots().size());
    if (program_.block(BlockKind::kGeneratedQuantities).present) {
      for (BlockKind kind : {BlockKind::kData, BlockKind::kTransformedData}) {
        for (StmtId id : program_.block(kind).stmts) {
          const Stmt& s = program_.stmts[id];
          if (s.kind == Stmt::Kind::kDeclaration) {
            (*data)[static_cast<size_t>(s.variable.index)] = tracer_.slot(s.variable);
          }
        }
      }
    }
    lowered_.data = std::move(data);
  }

  void parameters() {
    for (StmtId id : program_.block(BlockKind::kParameters).stmts) {
      const Stmt& s = program_.stmts[id];
      if (s.kind != Stmt::Kind::kDeclaration) continue;
      LoweredVariable v;
      v.name = s.name;
      v.variable = s.variable;
      v.is_parameter = true;
      v.span = s.name_span.valid() ? s.name_span : s.span;
      v.type = tracer_.bind_type(s.decl_type, s.name);
      if (const std::string problem = check_sizes(v.type); !problem.empty()) {
        throw TraceError{v.span, DiagnosticKind::kSize, "`" + s.name + "` " + problem};
      }
      v.unconstrained_offset = lowered_.num_unconstrained;
      v.unconstrained_size = unconstrained_size(v.type);
      lowered_.num_unconstrained += v.unconstrained_size;
      if (lowered_.num_unconstrained > (int64_t{1} << 28)) {
        throw TraceError{v.span, DiagnosticKind::kLimit, "the program has too many parameters"};
      }
      std::vector<Scalar> coordinates;
      coordinates.reserve(static_cast<size_t>(v.unconstrained_size));
      for (int64_t k = 0; k < v.unconstrained_size; ++k) {
        coordinates.push_back(
            lowered_.graph.parameter(static_cast<int>(v.unconstrained_offset + k)));
      }
      std::vector<Scalar> jacobian;
      v.value = constrain(lowered_.graph, v.type, coordinates, v.span, v.name, &jacobian);
      const bool is_point = v.type.constraint != ConstraintKind::kUnitVector &&
                            std::find(options_.points.begin(), options_.points.end(), v.name) !=
                                options_.points.end();
      if (!is_point) {
        for (const Scalar& addend : jacobian) lowered_.graph.add_term(addend, v.span, true);
      }
      tracer_.slot(s.variable) = v.value;
      tracer_.set_global_type(s.variable, v.type);
      append_unconstrained_names(v.name, v.type, lowered_.unconstrained_names);
      add(std::move(v));
    }
  }

  void transformed_parameters() {
    for (StmtId id : program_.block(BlockKind::kTransformedParameters).stmts) {
      const Stmt& s = program_.stmts[id];
      if (s.kind != Stmt::Kind::kDeclaration) continue;
      LoweredVariable v;
      v.name = s.name;
      v.variable = s.variable;
      v.span = s.name_span.valid() ? s.name_span : s.span;
      v.type = tracer_.global_type(s.variable);
      v.value = tracer_.slot(s.variable);
      add(std::move(v));
    }
  }

  void add(LoweredVariable v) {
    v.constrained_offset = static_cast<int64_t>(lowered_.constrained.size());
    std::vector<Leaf> leaves;
    collect_leaves(v.name, v.type, v.value, leaves);
    for (const Leaf& leaf : leaves) {
      append_element_names(leaf.name, leaf.value->dims, leaf.type->is_complex(),
                           lowered_.constrained_names);
      visit_in_output_order(*leaf.type, column_major_positions(leaf.value->dims), [&](size_t k) {
        lowered_.constrained.push_back(leaf.value->elements[k]);
      });
    }
    v.constrained_size = static_cast<int64_t>(lowered_.constrained.size()) - v.constrained_offset;
    lowered_.variables.push_back(std::move(v));
  }

  const syntax::Program& program_;
  Lowered lowered_;
  Tracer tracer_;
  LowerOptions options_;
};

}  // namespace

std::optional<Lowered> lower(const check::TypedProgram& typed, const data::DataTable& data,
                             const LowerOptions& options, source::DiagnosticSink& sink) {
  Lowerer lowerer(typed, options);
  if (!report_trace_errors(sink, [&] { return lowerer.run(data, sink); })) return {};
  return lowerer.take();
}

std::vector<Scalar*> Lowered::scalars() {
  std::vector<Scalar*> all;
  const auto collect_value = [&](const auto& self, Value& value) -> void {
    for (Scalar& s : value.elements) all.push_back(&s);
    for (Value& member : value.members) self(self, member);
  };
  const auto collect_type = [&](const auto& self, BoundType& type) -> void {
    collect_value(collect_value, type.low);
    collect_value(collect_value, type.high);
    for (BoundType& element : type.elements) self(self, element);
  };
  for (LoweredVariable& v : variables) {
    collect_type(collect_type, v.type);
    collect_value(collect_value, v.value);
  }
  for (Scalar& s : constrained) all.push_back(&s);
  return all;
}

// ---- initial values
// -------------------------------------------------------------------------------------------

namespace {

/// Replaces nodes in the bounds by their values at `theta`.
void fix_bounds(const graph::Graph& graph, std::span<const double> theta, BoundType& type) {
  std::vector<Scalar*> open;
  const auto collect = [&](const auto& self, BoundType& t) -> void {
    for (Value* bound : {&t.low, &t.high}) {
      for (Scalar& s : bound->elements) {
        if (!s.is_constant()) open.push_back(&s);
      }
    }
    for (BoundType& element : t.elements) self(self, element);
  };
  collect(collect, type);
  if (open.empty()) return;
  std::vector<Scalar> outputs;
  for (Scalar* s : open) outputs.push_back(*s);
  const graph::ReferenceResult at = graph::reference_evaluate(graph, theta, outputs);
  for (size_t k = 0; k < open.size(); ++k) *open[k] = at.outputs[k];
}

}  // namespace

bool unconstrain_parameters(const Lowered& lowered, const data::DataTable& values,
                            std::span<double> theta_unc, std::vector<bool>& given,
                            source::DiagnosticSink& sink) {
  VINCI_CHECK(static_cast<int64_t>(theta_unc.size()) == lowered.num_unconstrained &&
              given.size() == theta_unc.size());
  bool ok = true;
  for (const LoweredVariable& v : lowered.variables) {
    if (!v.is_parameter) continue;
    const data::DataValue* value = values.find(v.name);
    if (value == nullptr) continue;
    if (!data::check_shape(data_shape(v.name, v.type, v.span), *value, sink)) {
      ok = false;
      continue;
    }
    BoundType type = v.type;
    fix_bounds(lowered.graph, theta_unc, type);
    const int64_t size = v.constrained_size;
    const Value constrained = size == 0 ? make_undefined(type) : to_value(type, *value);
    std::vector<double> coordinates;
    if (const std::string problem = unconstrain(type, constrained, coordinates); !problem.empty()) {
      sink.error(DiagnosticKind::kDataConstraint,
                 value->name_span.valid() ? value->name_span : value->span,
                 "the initial value of `" + v.name + "` " + problem)
          .note(v.span, "`" + v.name + "` is declared here");
      ok = false;
      continue;
    }
    for (size_t k = 0; k < coordinates.size(); ++k) {
      theta_unc[static_cast<size_t>(v.unconstrained_offset) + k] = coordinates[k];
      given[static_cast<size_t>(v.unconstrained_offset) + k] = true;
    }
  }
  return ok;
}

// ---- generated quantities
// -------------------------------------------------------------------------------------

GeneratedQuantities::GeneratedQuantities(const check::TypedProgram& typed, const Lowered& lowered,
                                         const TraceOptions& options)
    : program_(typed.program), lowered_(lowered), tracer_(program_, graph_, options) {
  if (!program_.block(BlockKind::kGeneratedQuantities).present) return;
  tracer_.set_strict(true);
  tracer_.slots() = *lowered.data;
  for (const LoweredVariable& v : lowered.variables) {
    tracer_.slot(v.variable) = make_undefined(v.type);
    positions_.push_back(v.type.base == BaseType::kTuple
                             ? std::vector<int64_t>{}
                             : column_major_positions(v.type.all_dims()));
  }
  const auto without_bounds = [](const auto& self, syntax::SizedType type) -> syntax::SizedType {
    type.constraint.low = type.constraint.high = {};
    for (syntax::SizedType& element : type.elements) element = self(self, element);
    return type;
  };
  for (StmtId id : program_.block(BlockKind::kGeneratedQuantities).stmts) {
    const Stmt& s = program_.stmts[id];
    if (s.kind != Stmt::Kind::kDeclaration || !s.is_global) continue;
    const BoundType type = tracer_.bind_type(without_bounds(without_bounds, s.decl_type), s.name);
    Value value = make_undefined(type);
    std::vector<Leaf> leaves;
    collect_leaves(s.name, type, value, leaves);
    for (const Leaf& leaf : leaves) {
      append_element_names(leaf.name, leaf.value->dims, leaf.type->is_complex(), names_);
    }
    declarations_.push_back(id);
    output_positions_.push_back(type.base == BaseType::kTuple
                                    ? std::vector<int64_t>{}
                                    : column_major_positions(type.all_dims()));
  }
}

GeneratedQuantities::~GeneratedQuantities() = default;

void GeneratedQuantities::set_parameters(std::span<const Scalar> constrained) {
  for (size_t i = 0; i < lowered_.variables.size(); ++i) {
    const LoweredVariable& v = lowered_.variables[i];
    auto next = static_cast<size_t>(v.constrained_offset);
    Value& slot = tracer_.slot(v.variable);
    if (v.type.base != BaseType::kTuple) {
      visit_in_output_order(v.type, positions_[i],
                            [&](size_t k) { slot.elements[k] = constrained[next++]; });
      continue;
    }
    std::vector<Leaf> leaves;
    collect_leaves(v.name, v.type, slot, leaves);
    for (const Leaf& leaf : leaves) {
      visit_in_output_order(*leaf.type, column_major_positions(leaf.value->dims),
                            [&](size_t k) { leaf.value->elements[k] = constrained[next++]; });
    }
  }
}

std::optional<TraceError> GeneratedQuantities::evaluate(std::span<const double> constrained,
                                                        numeric::RandomStream& random,
                                                        std::span<double> out) {
  VINCI_CHECK(constrained.size() == lowered_.constrained.size() && out.size() == names_.size());
  if (declarations_.empty()) return {};
  constrained_.assign(constrained.begin(), constrained.end());
  set_parameters(constrained_);
  tracer_.set_random(&random);
  std::optional<TraceError> failure;
  try {
    tracer_.run_block(BlockKind::kGeneratedQuantities);
  } catch (const TraceError& e) {
    failure = e;
  }
  tracer_.set_random(nullptr);
  if (failure) {
    std::fill(out.begin(), out.end(), std::numeric_limits<double>::quiet_NaN());
    return failure;
  }
  const std::vector<Scalar> values = outputs();
  for (size_t k = 0; k < values.size(); ++k) out[k] = values[k].constant();
  return {};
}

std::vector<Scalar> GeneratedQuantities::outputs() {
  std::vector<Scalar> out;
  out.reserve(names_.size());
  for (size_t i = 0; i < declarations_.size(); ++i) {
    const Stmt& s = program_.stmts[declarations_[i]];
    Value& value = tracer_.slot(s.variable);
    const BoundType& type = tracer_.global_type(s.variable);
    if (type.base != BaseType::kTuple) {
      visit_in_output_order(type, output_positions_[i],
                            [&](size_t k) { out.push_back(value.elements[k]); });
      continue;
    }
    std::vector<Leaf> leaves;
    collect_leaves(s.name, type, value, leaves);
    for (const Leaf& leaf : leaves) {
      visit_in_output_order(*leaf.type, column_major_positions(leaf.value->dims),
                            [&](size_t k) { out.push_back(leaf.value->elements[k]); });
    }
  }
  return out;
}

std::optional<std::vector<Scalar>> GeneratedQuantities::trace() {
  constrained_.clear();
  for (size_t k = 0; k < lowered_.constrained.size(); ++k)
    constrained_.push_back(graph_.parameter(static_cast<int>(k)));
  set_parameters(constrained_);
  tracer_.set_unbounded_indices(true);
  try {
    tracer_.run_block(BlockKind::kGeneratedQuantities);
  } catch (const TraceError&) {
    return {};
  }
  // A condition that no point meets: `evaluate` knows its message.
  if (graph_.constant_term(false) == -std::numeric_limits<double>::infinity()) return {};
  return outputs();
}

}  // namespace vinci::lower
