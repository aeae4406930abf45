#include "dataset/csv_images.h"

#include <fmt/format.h>

#include <cctype>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "dataset/csv_table.h"
#include "dataset/format_fault.h"
#include "dataset/whole_images.h"

namespace vinci::dataset {

namespace {

using source::DiagnosticKind;

constexpr size_t kNoColumn = std::numeric_limits<size_t>::max();

/// The column named `label` in a line of names; kNoColumn where there is none.
size_t label_column(std::string_view names) {
  std::string name;
  size_t column = 0;
  bool quoted = false;
  size_t found = kNoColumn;
  const auto end_column = [&] {
    if (name == "label" && found == kNoColumn) found = column;
    name.clear();
    ++column;
  };
  for (const char c : names) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      end_column();
    } else if (c != ' ' && c != '\r' && c != '\n') {
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  end_column();
  return found;
}

}  // namespace

ImageSet read_csv_images(const std::string& path, const std::optional<ImageShape>& wanted) {
  const auto table = open_csv_table(std::make_unique<ByteSource>(path));
  const size_t columns = table->layout().columns;
  const size_t label = label_column(table->layout().preamble);
  const size_t size = columns - (label == kNoColumn ? 0 : 1);
  if (size == 0)
    throw FormatFault(path, "has labels, and no pixels").of(DiagnosticKind::kImageSetLabels);
  auto pixels = std::make_shared<std::vector<uint8_t>>();
  std::vector<int32_t> labels;
  std::vector<int64_t> block;
  size_t row = 0;
  const auto fail_value = [&](size_t column, int64_t value, const char* what) {
    throw FormatFault(
        path, fmt::format("has the value {} in row {}, column {} (counted from 1); {}", value,
                          row + 1, column + 1, what))
        .of(DiagnosticKind::kImageSetValue);
  };
  const size_t block_rows = 1 + (size_t{1} << 16) / columns;
  while (table->read(block, block_rows) > 0) {
    accept_bytes(path, "images", pixels->size() + block.size(), 0);
    for (size_t i = 0; i < block.size(); ++i) {
      const size_t column = i % columns;
      const int64_t value = block[i];
      if (column == label) {
        if (value < 0 || value > std::numeric_limits<int32_t>::max())
          fail_value(column, value, "labels are whole numbers from 0 to 2^31 - 1");
        labels.push_back(static_cast<int32_t>(value));
      } else {
        if (value < 0 || value > 255) fail_value(column, value, "pixels are from 0 to 255");
        pixels->push_back(static_cast<uint8_t>(value));
      }
      if (column + 1 == columns) ++row;
    }
    block.clear();
  }
  const uint64_t dims[] = {row, size};
  const ArrayShape shape = array_shape(path, dims, wanted);
  return {shape.image, storage_of(std::move(pixels), size), std::move(labels)};
}

}  // namespace vinci::dataset
