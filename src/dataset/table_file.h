// Tables of integers as files: CSV, idx (images as MNIST's), npy, npz, each but npz also gzipped,
// and folders of pictures. Read and written a few rows at a time; bounded memory for all but npz
// and pictures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/element_type.h"

namespace vinci::dataset {

/// The numbers stand in .vbb files: never change one.
enum class TableFormat : uint8_t { kCsv = 0, kIdx = 1, kNpy = 2, kPictures = 3 };

inline constexpr uint64_t kMaxColumns = uint64_t{1} << 20;  ///< of a table

/// What a file says besides its values. A file is restored from it byte for byte, a CSV file if it
/// was `canonical`, pictures by their pixels.
struct TableLayout {
  TableFormat format = TableFormat::kCsv;
  ElementType element;
  /// Sizes of one row: {28, 28} for images, {32, 32, 3} in colour, {number of columns} for CSV.
  std::vector<uint64_t> row_shape;
  uint64_t columns = 1;
  /// The bytes before the values: of idx and npy all, of CSV the line of names (with its end) or
  /// nothing; of pictures the names of their files (picture_table.h).
  std::string preamble;
  /// Of CSV: how lines end.
  bool has_crlf = false;

  /// Whether a row is an image, with one kind of value in all its columns.
  bool is_image() const { return format != TableFormat::kCsv && row_shape.size() >= 2; }
};

/// What is known only when all was read.
struct TableEnd {
  bool has_final_newline = true;
  /// The file comes back byte for byte: numbers are spelled as they are written here.
  bool canonical = true;
};

class TableReader {
 public:
  virtual ~TableReader() = default;
  const TableLayout& layout() const { return layout_; }
  /// Appends up to max_rows rows; the number of them, 0 at the end. Throws Error(kInput) with the
  /// place where the file is not what it should be.
  size_t read(std::vector<int64_t>& values, size_t max_rows);
  virtual TableEnd end() const { return {}; }
  /// Rows as the file's head says; 0 where it does not.
  virtual uint64_t expected_rows() const { return 0; }
  /// What of the input is not in the table, as a clause; empty: nothing.
  virtual std::string left_out() const { return {}; }

 protected:
  /// As read; throws FormatFault.
  virtual size_t read_rows(std::vector<int64_t>& values, size_t max_rows) = 0;
  TableLayout layout_;
};

/// Opens a file by what it holds, whatever its name, or a folder of pictures. Throws Error(kInput)
/// where it is none of the formats, holds numbers that are not integers, or has no row at all to
/// tell its columns from; Error(kIo) where it cannot be read.
std::unique_ptr<TableReader> open_table(const std::string& path);

/// Takes the rows of a table one after the other.
class RowWriter {
 public:
  virtual ~RowWriter() = default;
  /// Before all else: how many rows follow.
  virtual void begin(uint64_t rows) = 0;
  /// Whole rows, the first of them row `first_row` of the table. Throws Error(kInput) where a value
  /// does not fit the element.
  virtual void write(uint64_t first_row, const std::vector<int64_t>& values) = 0;
  virtual void finish(const TableEnd& end) = 0;
};

/// The inverse of a reader of one file: its bytes for the layout, with the number of rows in its
/// head. Not for kPictures.
class TableWriter final : public RowWriter {
 public:
  using Sink = std::function<void(std::string_view)>;
  TableWriter(const TableLayout& layout, Sink sink);
  void begin(uint64_t rows) override;
  void write(uint64_t first_row, const std::vector<int64_t>& values) override;
  void finish(const TableEnd& end) override;

 private:
  TableLayout layout_;
  Sink sink_;
  bool pending_newline_ = false;
};

/// The layout with the element type of bytes, for values that were made 0 and 1.
TableLayout as_bytes(TableLayout layout);

}  // namespace vinci::dataset
