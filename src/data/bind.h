// Binding: a value of a DataTable against the type, sizes and place of its declaration. What needs
// evaluation (the sizes, bounds) is done in lower/bind.h; this file compares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/data_table.h"
#include "source/diagnostic.h"
#include "syntax/type.h"

namespace vinci::data {

/// A declaration whose sizes are known.
struct DeclaredShape {
  std::string name;
  syntax::BaseType base = syntax::BaseType::kReal;
  std::vector<int64_t>
      dims;  // array dimensions, then those of the base; 2 more for a complex number's parts
  source::Span span;                    // of the declaration
  std::string spelled;                  // `array[3] vector[5]`
  std::vector<DeclaredShape> elements;  // of a tuple; `dims` are then the array's
};

/// Whether `value` has the declared type and shape; reports data-type or data-shape, naming both
/// shapes and both places, where it has not. Where the declared size is zero, every value without
/// elements fits.
bool check_shape(const DeclaredShape& declared, const DataValue& value,
                 source::DiagnosticSink& sink);

/// Reports `data-missing` for a declared variable without a value, with a hint if the table has a
/// similar name.
void report_missing(const DeclaredShape& declared, const DataTable& table,
                    source::DiagnosticSink& sink);

/// Product of the dims.
int64_t declared_size(const DeclaredShape& declared);

}  // namespace vinci::data
