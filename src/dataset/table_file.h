// Tables of integers as files: CSV, idx (images as MNIST's) and npy, each also gzipped. Read and
// written a few rows at a time, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vinci::coding {

enum class TableFormat : uint8_t { kCsv, kIdx, kNpy };

/// An element of a binary file: 1, 2, 4 or 8 bytes.
struct ElementType {
  uint8_t bytes = 1;
  bool is_signed = false;
  bool is_big_endian = false;
  bool operator==(const ElementType&) const = default;
};

/// What a file says besides its values. A file is restored from it byte for byte, a CSV file if it
/// was `canonical`.
struct TableLayout {
  TableFormat format = TableFormat::kCsv;
  ElementType element;
  /// Sizes of one row: {28, 28} for images, {number of columns} for CSV.
  std::vector<uint64_t> row_shape;
  uint64_t columns = 1;
  /// The bytes before the values: of idx and npy all, of CSV the line of names (with its end), or
  /// nothing.
  std::string preamble;
  /// Of CSV: how lines end.
  bool has_crlf = false;
};

/// What is known only when all was read.
struct TableEnd {
  bool has_final_newline = true;
  /// Numbers are spelled as they are written here.
  bool canonical = true;
};

class TableReader {
 public:
  virtual ~TableReader() = default;
  const TableLayout& layout() const { return layout_; }
  /// Appends up to max_rows rows; the number of them, 0 at the end. Throws Error(kInput) with the
  /// place where the file is not what it should be.
  virtual size_t read(std::vector<int64_t>& values, size_t max_rows) = 0;
  virtual TableEnd end() const { return {}; }
  /// Rows as the file's head says; 0 where it does not.
  virtual uint64_t expected_rows() const { return 0; }

 protected:
  TableLayout layout_;
};

/// Opens a file by what it holds, whatever its name. Throws Error(kInput) where it is none of the
/// formats, holds numbers that are not integers, or has no row at all to tell its columns from;
/// Error(kIo) where it cannot be read.
std::unique_ptr<TableReader> open_table(const std::string& path);

/// The inverse: bytes of the file for the layout, with `rows` rows in its head.
class TableWriter {
 public:
  using Sink = std::function<void(std::string_view)>;
  TableWriter(const TableLayout& layout, uint64_t rows, Sink sink);
  /// Whole rows. Throws Error(kInput) where a value does not fit the element.
  void write(const std::vector<int64_t>& values);
  void finish(const TableEnd& end);

 private:
  TableLayout layout_;
  Sink sink_;
  bool pending_newline_ = false;
};

/// The layout with the element type of bytes, for values that were made 0 and 1.
TableLayout as_bytes(TableLayout layout);

}  // namespace vinci::coding
