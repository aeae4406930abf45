#include "dataset/array_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "dataset/archive.h"
#include "dataset/format_fault.h"
#include "dataset/idx.h"
#include "dataset/npy_images.h"
#include "dataset/whole_images.h"

namespace vinci::dataset {

namespace {

using source::DiagnosticKind;

/// Sets row_shape and columns from the sizes of the whole array.
void set_shape(TableLayout& layout, const std::vector<uint64_t>& dims, const std::string& path) {
  if (dims.empty()) throw FormatFault(path, "holds a single number");
  layout.row_shape.assign(dims.begin() + 1, dims.end());
  layout.columns = 1;
  for (const uint64_t d : layout.row_shape) {
    if (d == 0 || d > kMaxColumns || layout.columns * d > kMaxColumns)
      throw FormatFault(path, fmt::format("is an array {}: rows of {} numbers; between 1 and {} "
                                          "can be coded as a row",
                                          describe(dims), d == 0 ? "no" : "too many", kMaxColumns));
    layout.columns *= d;
  }
}

/// Appends the elements of one row.
void decode_row(const char* row, const TableLayout& layout, const std::string& path,
                std::vector<int64_t>& values) {
  for (size_t c = 0; c < layout.columns; ++c) {
    const int64_t x = decode_element(row + c * layout.element.bytes, layout.element);
    if (x < 0 && !layout.element.is_signed)
      throw FormatFault(path, "holds integers above 2^63 - 1, which cannot be coded");
    values.push_back(x);
  }
}

class StreamedArray final : public TableReader {
 public:
  StreamedArray(std::unique_ptr<ByteSource> source, TableLayout layout, uint64_t rows)
      : source_(std::move(source)), rows_(rows), left_(rows) {
    layout_ = std::move(layout);
    row_.resize(layout_.columns * layout_.element.bytes);
  }
  uint64_t expected_rows() const override { return rows_; }

 private:
  size_t read_rows(std::vector<int64_t>& values, size_t max_rows) override {
    const size_t rows = static_cast<size_t>(std::min<uint64_t>(max_rows, left_));
    for (size_t r = 0; r < rows; ++r) {
      if (source_->read(row_.data(), row_.size()) < row_.size())
        throw FormatFault(source_->path(),
                          fmt::format("ends after {} of its {} rows", rows_ - left_, rows_),
                          source_->offset());
      --left_;
      decode_row(row_.data(), layout_, source_->path(), values);
    }
    char extra = 0;
    if (left_ == 0 && max_rows > rows && source_->read(&extra, 1) != 0)
      throw FormatFault(source_->path(), fmt::format("goes on after its {} rows", rows_),
                        source_->offset() - 1);
    return rows;
  }

  std::unique_ptr<ByteSource> source_;
  std::string row_;
  uint64_t rows_;
  uint64_t left_;
};

/// An array that is in memory, or mapped.
class HeldArray final : public TableReader {
 public:
  HeldArray(NpyArray array, TableLayout layout, std::string left_out)
      : array_(std::move(array)), left_out_(std::move(left_out)) {
    layout_ = std::move(layout);
  }
  uint64_t expected_rows() const override { return array_.dims[0]; }
  std::string left_out() const override { return left_out_; }

 private:
  size_t read_rows(std::vector<int64_t>& values, size_t max_rows) override {
    const auto rows = static_cast<size_t>(std::min<uint64_t>(max_rows, array_.dims[0] - done_));
    const size_t row_bytes = layout_.columns * layout_.element.bytes;
    for (size_t r = 0; r < rows; ++r)
      decode_row(array_.elements.bytes.data() + (done_ + r) * row_bytes, layout_, array_.path,
                 values);
    done_ += rows;
    return rows;
  }

  NpyArray array_;
  std::string left_out_;
  uint64_t done_ = 0;
};

TableLayout npy_layout(const NpyArray& array, std::string preamble) {
  if (array.element.kind == 'f')
    throw FormatFault(array.path,
                      fmt::format("has elements of type `{}`; only integers can be compressed",
                                  array.header.descr))
        .of(DiagnosticKind::kNpyType);
  TableLayout layout;
  layout.format = TableFormat::kNpy;
  layout.element = {static_cast<uint8_t>(array.element.size), array.element.kind == 'i',
                    array.element.is_big_endian};
  layout.preamble = std::move(preamble);
  set_shape(layout, array.dims, array.path);
  return layout;
}

}  // namespace

std::unique_ptr<TableReader> open_idx_table(std::unique_ptr<ByteSource> source) {
  const IdxHeader header = read_idx_header(*source);
  TableLayout layout;
  layout.format = TableFormat::kIdx;
  layout.element = header.element;
  layout.preamble = header.bytes;
  set_shape(layout, header.dims, source->path());
  return std::make_unique<StreamedArray>(std::move(source), std::move(layout), header.dims[0]);
}

std::unique_ptr<TableReader> open_npy_table(std::unique_ptr<ByteSource> source) {
  std::string preamble;
  const NpyArray array = read_npy_head(*source, preamble);
  TableLayout layout = npy_layout(array, std::move(preamble));
  return std::make_unique<StreamedArray>(std::move(source), std::move(layout), array.dims[0]);
}

std::unique_ptr<TableReader> open_npz_table(const std::string& path) {
  const Archive archive(path);
  std::string left_out;
  const std::string member = archive.single_array(left_out);
  std::string preamble;
  NpyArray array = archive.open(member, &preamble);
  TableLayout layout = npy_layout(array, std::move(preamble));
  return std::make_unique<HeldArray>(std::move(array), std::move(layout), std::move(left_out));
}

}  // namespace vinci::dataset
