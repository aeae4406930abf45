#include "dataset/csv_table.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataset/format_fault.h"

namespace vinci::dataset {

namespace {

using source::DiagnosticKind;

/// -?digits between blanks; false where it is anything else or too large.
bool parse_integer(std::string_view field, int64_t& value) {
  while (!field.empty() && (field.front() == ' ' || field.front() == '\t')) field.remove_prefix(1);
  while (!field.empty() && (field.back() == ' ' || field.back() == '\t')) field.remove_suffix(1);
  if (!field.empty() && field.front() == '+') field.remove_prefix(1);
  const auto got = std::from_chars(field.data(), field.data() + field.size(), value);
  return got.ec == std::errc() && got.ptr == field.data() + field.size();
}

class CsvReader final : public TableReader {
 public:
  explicit CsvReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {
    layout_.format = TableFormat::kCsv;
    bool ended = false;
    if (!next_line(ended))
      throw FormatFault(source_->path(), "is empty; a table has at least a line of names")
          .of(DiagnosticKind::kCsvFormat);
    layout_.has_crlf = crlf_;
    std::vector<int64_t> values;
    size_t bad_field = 0;
    std::string_view bad;
    if (parse(values, bad_field, bad)) {
      layout_.columns = values.size();
      pending_ = true;
      pending_ended_ = ended;
    } else {
      // Commas in quotes do not separate names.
      layout_.columns = 1;
      bool quoted = false;
      for (const char c : line_) {
        quoted = quoted != (c == '"');
        if (c == ',' && !quoted) ++layout_.columns;
      }
      layout_.preamble = line_ + (crlf_ ? "\r\n" : "\n");
      end_.has_final_newline = ended;
    }
    if (layout_.columns > kMaxColumns)
      throw FormatFault(source_->path(), fmt::format("has more than {} columns", kMaxColumns))
          .of(DiagnosticKind::kCsvFormat);
    layout_.row_shape = {layout_.columns};
  }

  size_t read_rows(std::vector<int64_t>& values, size_t max_rows) override {
    size_t rows = 0;
    while (rows < max_rows) {
      bool ended = pending_ended_;
      if (!pending_ && !next_line(ended)) break;
      pending_ = false;
      if (line_.find_first_not_of(" \t") == std::string::npos) {
        end_.canonical = false;
        continue;
      }
      const size_t before = values.size();
      size_t bad_field = 0;
      std::string_view bad;
      if (!parse(values, bad_field, bad))
        throw FormatFault::at_line(source_->path(), number_,
                                   fmt::format("field {} is `{}`; expected an integer of at most "
                                               "64 bits",
                                               bad_field, bad.substr(0, 40)))
            .of(DiagnosticKind::kCsvValue);
      if (values.size() - before != layout_.columns)
        throw FormatFault::at_line(source_->path(), number_,
                                   fmt::format("{} fields; the rows before have {}",
                                               values.size() - before, layout_.columns));
      check_spelling(values, before, ended);
      end_.has_final_newline = ended;
      ++rows;
    }
    return rows;
  }
  TableEnd end() const override { return end_; }

 private:
  bool next_line(bool& ended) {
    if (!source_->line(line_, ended)) return false;
    ++number_;
    crlf_ = ended && !line_.empty() && line_.back() == '\r';
    if (crlf_) line_.pop_back();
    return true;
  }
  bool parse(std::vector<int64_t>& values, size_t& bad_field, std::string_view& bad) const {
    std::string_view rest = line_;
    for (bad_field = 1;; ++bad_field) {
      const size_t comma = rest.find(',');
      const std::string_view field = rest.substr(0, comma);
      int64_t value = 0;
      if (!parse_integer(field, value)) {
        bad = field;
        return false;
      }
      values.push_back(value);
      if (comma == std::string_view::npos) return true;
      rest.remove_prefix(comma + 1);
    }
  }
  void check_spelling(const std::vector<int64_t>& values, size_t first, bool ended) {
    if (!end_.canonical) return;
    std::string text;
    for (size_t i = first; i < values.size(); ++i) {
      if (i > first) text += ',';
      fmt::format_to(std::back_inserter(text), "{}", values[i]);
    }
    end_.canonical = text == line_ && (crlf_ == layout_.has_crlf || !ended);
  }

  std::unique_ptr<ByteSource> source_;
  std::string line_;
  size_t number_ = 0;
  bool crlf_ = false;
  bool pending_ = false;  // line_ is the first row
  bool pending_ended_ = false;
  TableEnd end_;
};

}  // namespace

std::unique_ptr<TableReader> open_csv_table(std::unique_ptr<ByteSource> source) {
  return std::make_unique<CsvReader>(std::move(source));
}

}  // namespace vinci::dataset
