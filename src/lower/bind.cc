#include "lower/bind.h"

#include <fmt/format.h>

#include <new>

#include "lower/constraint_checks.h"

namespace vinci::lower {
using source::DiagnosticKind;
using syntax::BlockKind;
using syntax::Stmt;
using syntax::StmtId;

data::DeclaredShape data_shape(const std::string& name, const BoundType& type, source::Span span) {
  data::DeclaredShape shape;
  shape.name = name;
  shape.base = type.base;
  shape.dims = type.all_dims();
  if (type.is_complex()) shape.dims.push_back(2);
  shape.span = span;
  shape.spelled = to_string(type);
  for (const BoundType& element : type.elements)
    shape.elements.push_back(data_shape(name, element, span));
  return shape;
}

Value to_value(const BoundType& type, std::span<const double> numbers) {
  Value value;
  value.type = type.unsized();
  value.dims = type.all_dims();
  value.elements.assign(numbers.begin(), numbers.end());
  return value;
}

Value to_value(const BoundType& type, const data::DataValue& value) {
  if (type.base != BaseType::kTuple) return to_value(type, value.values);
  Value out = make_undefined(type);
  const auto count = static_cast<size_t>(type.num_containers());
  for (size_t m = 0; m < value.members.size(); ++m) {
    // Member m of element i is the i-th slice of the member's values.
    const data::DataValue& member = value.members[m];
    for (size_t i = 0; i < count; ++i) {
      data::DataValue part = member;
      const size_t size = member.values.size() / count;
      part.values = member.values.subspan(i * size, size);
      if (member.is_tuple()) {
        part.dims.erase(part.dims.begin(),
                        part.dims.begin() + static_cast<std::ptrdiff_t>(type.array_dims.size()));
        for (data::DataValue& inner : part.members) {
          const size_t inner_size = inner.values.size() / count;
          inner.values = inner.values.subspan(i * inner_size, inner_size);
        }
      }
      Value& tuple = type.array_dims.empty() ? out : out.members[i];
      tuple.members[m] = to_value(type.elements[m], part);
    }
  }
  return out;
}

bool bind_data(const syntax::Program& program, const data::DataTable& table, Tracer& tracer,
               source::DiagnosticSink& sink) {
  bool ok = true;
  graph::Graph scratch;
  for (StmtId id : program.block(BlockKind::kData).stmts) {
    const Stmt& s = program.stmts[id];
    if (s.kind != Stmt::Kind::kDeclaration) continue;
    const source::Span span = s.name_span.valid() ? s.name_span : s.span;
    BoundType type;
    try {
      type = tracer.bind_type(s.decl_type, s.name);
    } catch (const TraceError& e) {
      if (ok) sink.error(e.kind, e.span, e.message);  // else it may follow from what is missing
      return false;
    }
    const data::DeclaredShape shape = data_shape(s.name, type, span);
    const data::DataValue* value = table.find(s.name);
    if (value == nullptr && data::declared_size(shape) != 0) {
      data::report_missing(shape, table, sink);
      ok = false;
      // Later sizes may need it: an undefined int would report nonsense.
      tracer.slot(s.variable) = make_undefined(type);
      if (type.base == BaseType::kInt) return false;
      continue;
    }
    if (value == nullptr) {
      tracer.slot(s.variable) = make_undefined(type);
      tracer.set_global_type(s.variable, std::move(type));
      continue;
    }
    if (!data::check_shape(shape, *value, sink)) {
      ok = false;
      tracer.slot(s.variable) = make_undefined(type);
      if (type.base == BaseType::kInt) return false;
      continue;
    }
    Value bound = data::declared_size(shape) == 0 ? make_undefined(type) : to_value(type, *value);
    if (s.decl_type.constraint.kind != ConstraintKind::kNone || type.base == BaseType::kTuple) {
      Call call{scratch, nullptr, span, s.name, {}, nullptr};
      call.is_strict = true;
      if (const auto violation = find_violation(call, type, bound, s.name)) {
        sink.error(DiagnosticKind::kDataConstraint,
                   value->name_span.valid() ? value->name_span : value->span,
                   to_string(*violation, s.name))
            .note(span, fmt::format("`{}` is declared here", s.name));
        ok = false;
      }
    }
    tracer.slot(s.variable) = std::move(bound);
    tracer.set_global_type(s.variable, std::move(type));
  }
  return ok;
}

bool run_data_blocks(const syntax::Program& program, const data::DataTable& table, uint64_t seed,
                     Tracer& tracer, source::DiagnosticSink& sink) {
  tracer.set_strict(true);
  if (!bind_data(program, table, tracer, sink)) return false;
  numeric::RandomStream random(seed, 0x7d);
  tracer.set_random(&random);
  tracer.run_block(BlockKind::kTransformedData);
  tracer.set_random(nullptr);
  tracer.set_strict(false);
  return true;
}

bool report_trace_errors(source::DiagnosticSink& sink, const std::function<bool()>& body) {
  try {
    return body();
  } catch (const TraceError& e) {
    sink.error(e.kind, e.span, e.message);
  } catch (const std::bad_alloc&) {
    sink.error(DiagnosticKind::kLimit, {},
               "the program and its data need more memory than there is");
  }
  return false;
}

}  // namespace vinci::lower
