#include "dataset/table_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "dataset/array_table.h"
#include "dataset/byte_source.h"
#include "dataset/csv_table.h"
#include "dataset/format_fault.h"
#include "dataset/idx.h"
#include "dataset/picture_table.h"
#include "vinci/error.h"

namespace vinci::dataset {

namespace {

[[noreturn]] void rethrow(const FormatFault& fault) {
  const bool is_io = fault.kind == source::DiagnosticKind::kFileUnreadable ||
                     fault.kind == source::DiagnosticKind::kFileNotFound;
  throw Error(is_io ? Error::Kind::kIo : Error::Kind::kInput, fault.sentence());
}

std::unique_ptr<TableReader> open_any(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return open_picture_table(path);
  auto source = std::make_unique<ByteSource>(path);
  const std::string head = source->peek(8);
  if (head.starts_with(data::kNpyMagic)) return open_npy_table(std::move(source));
  if (is_idx(head)) return open_idx_table(std::move(source));
  if (head.starts_with("PK\x03\x04")) return open_npz_table(path);
  if (head.starts_with("\x89PNG")) return open_picture_table(path);
  const bool is_text = std::none_of(head.begin(), head.end(),
                                    [](char c) { return static_cast<unsigned char>(c) < 9; });
  if (!is_text)
    throw FormatFault(path,
                      "is none of CSV text, idx and npy (gzipped or not), npz, PNG and folders of "
                      "pictures");
  return open_csv_table(std::move(source));
}

}  // namespace

size_t TableReader::read(std::vector<int64_t>& values, size_t max_rows) {
  try {
    return read_rows(values, max_rows);
  } catch (const FormatFault& fault) {
    rethrow(fault);
  }
}

std::unique_ptr<TableReader> open_table(const std::string& path) {
  try {
    return open_any(path);
  } catch (const FormatFault& fault) {
    rethrow(fault);
  }
}

}  // namespace vinci::dataset
