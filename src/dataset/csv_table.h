// CSV text as a table of integers.
#pragma once

#include <memory>

#include "dataset/byte_source.h"
#include "dataset/table_file.h"

namespace vinci::dataset {

/// With or without a line of names: the first line is one where it is not all integers. Throws
/// FormatFault where there is no line, or too many columns.
std::unique_ptr<TableReader> open_csv_table(std::unique_ptr<ByteSource> source);

}  // namespace vinci::dataset
