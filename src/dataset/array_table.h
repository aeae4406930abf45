// idx files and NumPy arrays as tables of integers: the first size counts rows.
#pragma once

#include <memory>
#include <string>

#include "data/npy_header.h"
#include "dataset/byte_source.h"
#include "dataset/table_file.h"

namespace vinci::dataset {

/// Throw FormatFault where the file is damaged, holds real numbers, or has rows of no or more than
/// kMaxColumns numbers.
std::unique_ptr<TableReader> open_idx_table(std::unique_ptr<ByteSource> source);
std::unique_ptr<TableReader> open_npy_table(std::unique_ptr<ByteSource> source);
/// The array of images of an archive, or its only one; restored as a .npy file.
std::unique_ptr<TableReader> open_npz_table(const std::string& path);

}  // namespace vinci::dataset
