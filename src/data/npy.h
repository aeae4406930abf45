// NumPy's .npy files: one array each, mapped into memory where its layout allows.
#pragma once

#include <optional>
#include <string>

#include "data/data_table.h"
#include "source/diagnostic.h"
#include "source/source_file.h"

namespace vinci::data {

/// Reads the array in `path`: format versions 1, 2 and 3; bool, int8 to int64, uint8 to uint64,
/// float32 and float64 of either byte order; C and Fortran order. Little-endian float64 in C order
/// is used where it lies in the mapped file (O(1), pages come as they are touched); others are
/// converted. Integers and bools are ints unless one is larger than 2^31 - 1 in magnitude; those
/// beyond 2^53 round.
///
/// The span of the value is the shape in the header. Reports npy-format (no .npy file, broken
/// header, size of the file not that of header and array), npy-type (objects, text, records,
/// complex and half floats) and file errors.
std::optional<DataValue> read_npy(const std::string& path, source::SourceMap& sources,
                                  source::DiagnosticSink& sink);

}  // namespace vinci::data
