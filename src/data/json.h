// Stan's JSON data and initial values: one object, variable name -> number, nested arrays or tuple.
#pragma once

#include "data/data_table.h"
#include "source/diagnostic.h"
#include "source/source_file.h"

namespace vinci::data {

/// Lists and tuples may lie this deep in each other.
inline constexpr int kMaxJsonDepth = 256;

/// Reads the variables of a JSON file.
///
/// Numbers: JSON's grammar, and bare or quoted NaN, Inf, Infinity, -Inf, -Infinity. A token without
/// fraction and exponent whose magnitude is at most 2^31 - 1 is an int, every other real; decimal
/// numbers are rounded correctly, tiny ones to zero. Objects below the top are tuples with the keys
/// "1", "2", ... Keys that are no Stan names are ignored with whatever JSON stands there. What the
/// program does not declare is read all the same, so it has to be well-formed.
///
/// Reports json-syntax (and stops there), json-not-rectangular, json-duplicate-key, json-value and
/// nesting-too-deep; values with an error are left out of the table. About 20 ns per number.
DataTable read_json(source::FileId file, const source::SourceMap& sources,
                    source::DiagnosticSink& sink);

}  // namespace vinci::data
