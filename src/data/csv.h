// Data tables as comma-separated text: a header row with the names, then one row for each
// observation.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "data/data_table.h"
#include "source/diagnostic.h"
#include "source/source_file.h"

namespace vinci::data {

/// Reads the columns named in `columns` (all if empty) from a CSV file, each an array of as many
/// numbers as there are rows. RFC 4180: fields may stand in double quotes, doubled inside; rows end
/// with LF or CR LF; empty lines are skipped, blanks around numbers too. A column is int if all its
/// fields are ints (as in JSON). NaN, Inf and their negatives are numbers in any letter case; empty
/// fields, NA and text are not.
///
/// The file is mapped, not copied; columns that are not asked for may hold anything.
/// Reports csv-format (no header, rows of another length, a quote that does not end, a name that
/// stands twice or is not there) and csv-value (missing or text, the first of each column) with
/// line and column. The span of each value is its name in the header.
DataTable read_csv(const std::string& path, std::span<const std::string> columns,
                   source::SourceMap& sources, source::DiagnosticSink& sink);

/// The whole table as one matrix [rows, columns], row-major.
std::optional<DataValue> read_csv_matrix(const std::string& path, source::SourceMap& sources,
                                         source::DiagnosticSink& sink);

}  // namespace vinci::data
