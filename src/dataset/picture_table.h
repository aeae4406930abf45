// Folders of PNG files as tables: a row is the pixels of one file. Pixels and names come back.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/table_file.h"

namespace vinci::dataset {

/// All PNG files in `path` and the folders within (eight deep, links to folders are not followed),
/// or the one file that it is: of one size, 8 bits without transparency. Held in memory. Throws
/// FormatFault.
std::unique_ptr<TableReader> open_picture_table(const std::string& path);

/// Writes each row as a PNG file.
class PictureWriter final : public RowWriter {
 public:
  /// A file's name, relative to a folder, which may lie in folders within: never outside of it.
  using Sink = std::function<void(const std::string& name, std::string_view bytes)>;
  /// `are_bits`: pixels were made 0 and 1, and are written as 0 and 255. Throws Error(kInput) where
  /// the layout is not that of pictures, or a name leads out of the folder.
  PictureWriter(const TableLayout& layout, Sink sink, bool are_bits = false);
  void begin(uint64_t /*rows*/) override {}
  void write(uint64_t first_row, const std::vector<int64_t>& values) override;
  void finish(const TableEnd& /*end*/) override {}

 private:
  TableLayout layout_;
  std::vector<std::string> names_;
  Sink sink_;
  int64_t unit_;  // of a value, in grey levels
};

}  // namespace vinci::dataset
