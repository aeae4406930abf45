// Binding data: every variable of the data block gets its value from the table, checked against its
// declaration.
#pragma once

#include <cstdint>
#include <functional>

#include "data/bind.h"
#include "data/data_table.h"
#include "lower/tracer.h"
#include "source/diagnostic.h"

namespace vinci::lower {

/// Fills the data block's variables in order of declaration (sizes are expressions over those
/// before). Reports data-missing, data-type, data-shape, data-constraint and what evaluating a size
/// fails with; goes on after an error as far as the sizes are known. Returns whether all is well.
/// Numbers are copied once; O(data).
bool bind_data(const syntax::Program& program, const data::DataTable& table, Tracer& tracer,
               source::DiagnosticSink& sink);

/// The same, then transformed data, whose random numbers depend on `seed` alone: whoever reads a
/// program gets the same values. Throws TraceError.
bool run_data_blocks(const syntax::Program& program, const data::DataTable& table, uint64_t seed,
                     Tracer& tracer, source::DiagnosticSink& sink);

/// Runs `body`; what it throws as TraceError, or for lack of memory, becomes a diagnostic and
/// false.
bool report_trace_errors(source::DiagnosticSink& sink, const std::function<bool()>& body);

/// What `data` compares a value with.
data::DeclaredShape data_shape(const std::string& name, const BoundType& type, source::Span span);

/// The Value of a data value that has been checked: elements row-major in both.
Value to_value(const BoundType& type, const data::DataValue& value);

/// The constant value of `type` whose elements, row-major, are `numbers` (not a tuple).
Value to_value(const BoundType& type, std::span<const double> numbers);

}  // namespace vinci::lower
