#include "data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/number.h"
#include "source/mapped_file.h"
#include "source/suggest.h"

namespace vinci::data {

namespace {

using source::DiagnosticKind;
using source::Span;

constexpr size_t kMaxColumns = 1'000'000;

struct Column {
  std::string name;
  Span span;
  bool wanted = false;
  bool bad = false;  // an error was reported: later fields are not looked at
  bool is_int = true;
  std::vector<double> values;
};

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Numbers in the looser forms of tables: `.5`, `1.`, `007`, `+3`, `inf`, `nan`.
Number parse_loose(std::string_view text) {
  Number out;
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const char* end = text.data() + text.size();
  int64_t integer = 0;
  if (const auto [rest, error] = std::from_chars(text.data(), end, integer);
      error == std::errc() && rest == end) {
    out.is_int = std::llabs(integer) <= 2147483647;
    out.value = static_cast<double>(integer);
    out.status = NumberStatus::kOk;
    return out;
  }
  const auto [rest, error] = std::from_chars(text.data(), end, out.value);
  if (rest == end && !text.empty()) {
    out.status = error == std::errc() ? NumberStatus::kOk : NumberStatus::kOutOfRange;
  }
  return out;
}

class CsvReader {
 public:
  CsvReader(std::string path, std::string_view bytes, source::SourceMap& sources,
            source::DiagnosticSink& sink)
      : path_(std::move(path)), sources_(sources), sink_(sink) {
    if (bytes.substr(0, 3) == "\xEF\xBB\xBF") bytes.remove_prefix(3);
    line_begin_ = p_ = bytes.data();
    end_ = p_ + bytes.size();
  }

  std::vector<Column> read(std::span<const std::string> wanted) {
    if (!read_header() || !choose(wanted)) return {};
    while (!stopped_ && skip_empty_lines()) read_row();
    if (stopped_) return {};
    return std::move(columns_);
  }

 private:
  /// A field's bytes without quotes, and the place where it stands.
  struct Field {
    std::string_view text;
    const char* begin;
    const char* end;
  };

  /// The names of the columns and their places.
  bool read_header() {
    if (!skip_empty_lines()) {
      sink_.error(
          DiagnosticKind::kCsvFormat, {},
          fmt::format("`{}` is empty; expected a row with the names of the columns", path_));
      return false;
    }
    const char* header_begin = p_;
    const uint64_t header_line = line_;
    std::vector<std::pair<const char*, const char*>> places;
    bool all_numbers = true;
    bool more = true;
    while (more) {
      const Field field = read_field();
      if (stopped_) return false;
      if (columns_.size() == kMaxColumns) {
        sink_.error(DiagnosticKind::kCsvFormat, {},
                    fmt::format("`{}` has more than {} columns", path_, kMaxColumns));
        return false;
      }
      columns_.emplace_back().name = trim(field.text);
      places.emplace_back(field.begin, field.end);
      all_numbers = all_numbers && parse_loose(trim(field.text)).status == NumberStatus::kOk;
      more = next_field();
    }
    // One copy of the header serves the spans of all columns.
    const source::FileId header = sources_.add_excerpt(path_, std::string(header_begin, p_),
                                                       {static_cast<uint32_t>(header_line), 1});
    std::unordered_map<std::string_view, size_t> seen;
    for (size_t k = 0; k < columns_.size(); ++k) {
      Column& column = columns_[k];
      column.span = {header, static_cast<uint32_t>(places[k].first - header_begin),
                     static_cast<uint32_t>(places[k].second - header_begin)};
      const auto [at, is_new] = seen.try_emplace(column.name, k);
      if (!is_new && !column.name.empty()) {
        sink_
            .error(DiagnosticKind::kCsvFormat, column.span,
                   fmt::format("two columns are named `{}`", column.name))
            .note(columns_[at->second].span, "the first is here");
        return false;
      }
    }
    if (all_numbers) {
      sink_
          .error(DiagnosticKind::kCsvFormat, columns_[0].span,
                 "the first row holds numbers; expected the names of the columns")
          .with_hint("add a header row such as `x1,x2,y`");
      return false;
    }
    return true;
  }

  bool choose(std::span<const std::string> wanted) {
    for (Column& column : columns_) column.wanted = wanted.empty();
    bool ok = true;
    for (const std::string& name : wanted) {
      const auto at = std::find_if(columns_.begin(), columns_.end(),
                                   [&](const Column& c) { return c.name == name; });
      if (at != columns_.end()) {
        at->wanted = true;
        continue;
      }
      ok = false;
      source::NearestName nearest(name);
      for (const Column& column : columns_) nearest.consider(column.name);
      auto& diagnostic = sink_.error(DiagnosticKind::kCsvFormat, columns_[0].span,
                                     fmt::format("`{}` has no column `{}`", path_, name));
      if (!nearest.best().empty())
        diagnostic.with_hint(fmt::format("did you mean `{}`?", nearest.best()));
    }
    return ok;
  }

  void read_row() {
    const char* row_begin = p_;
    const uint64_t row_line = line_;
    const char* row_line_begin = line_begin_;
    size_t count = 0;
    do {
      if (count < columns_.size() && columns_[count].wanted && !columns_[count].bad) {
        read_number(columns_[count]);
      } else {
        read_field();
      }
      if (stopped_) return;
      ++count;
    } while (next_field());
    if (count == columns_.size()) return;
    stopped_ = true;
    std::swap(line_begin_, row_line_begin);
    const uint64_t end_line = std::exchange(line_, row_line);
    sink_.error(DiagnosticKind::kCsvFormat, place(row_begin, row_begin + 1),
                fmt::format("this row has {} field{}; the header has {}", count,
                            count == 1 ? "" : "s", columns_.size()));
    line_ = end_line;
  }

  void read_number(Column& column) {
    // Most fields are plain numbers that end at the comma.
    Number number = parse_number(p_, end_);
    if (number.status == NumberStatus::kOk &&
        (number.end == end_ || *number.end == ',' || *number.end == '\n' || *number.end == '\r')) {
      p_ = number.end;
    } else {
      const uint64_t line = line_;
      const char* line_begin = line_begin_;
      const Field field = read_field();
      if (stopped_) return;
      const std::string_view text = trim(field.text);
      number = parse_loose(text);
      if (number.status != NumberStatus::kOk) {
        column.bad = true;
        report_value(column, field, text, number.status, line, line_begin);
        return;
      }
    }
    column.is_int = column.is_int && number.is_int;
    column.values.push_back(number.value);
  }

  void report_value(const Column& column, const Field& field, std::string_view text,
                    NumberStatus status, uint64_t line, const char* line_begin) {
    const uint64_t end_line = std::exchange(line_, line);
    const char* end_line_begin = std::exchange(line_begin_, line_begin);
    const Span span = place(field.begin, field.end);
    line_ = end_line;
    line_begin_ = end_line_begin;
    if (text.empty() || text == "NA" || text == "." || text == "null" || text == "NULL" ||
        text == "None") {
      sink_
          .error(DiagnosticKind::kCsvValue, span,
                 fmt::format("column `{}` has a missing value", column.name))
          .with_hint(
              "data have no missing values: leave these rows out, or make the values parameters");
    } else if (status == NumberStatus::kOutOfRange) {
      sink_.error(
          DiagnosticKind::kCsvValue, span,
          fmt::format("a value of column `{}` is outside the range of double", column.name));
    } else {
      sink_
          .error(DiagnosticKind::kCsvValue, span,
                 fmt::format("column `{}` has the text `{}`; expected a number", column.name,
                             text.substr(0, 40)))
          .with_hint("write categories as the integers 1, 2, ...");
    }
  }

  /// The field at p_; moves to the comma or line end behind it.
  Field read_field() {
    const char* begin = p_;
    if (p_ < end_ && *p_ == '"') return read_quoted_field();
    while (p_ < end_ && *p_ != ',' && *p_ != '\n') ++p_;
    const char* end = p_ > begin && p_[-1] == '\r' && (p_ == end_ || *p_ == '\n') ? p_ - 1 : p_;
    return {std::string_view(begin, static_cast<size_t>(end - begin)), begin, end};
  }

  Field read_quoted_field() {
    const char* begin = p_++;
    const uint64_t line = line_;
    const char* line_begin = line_begin_;
    quoted_.clear();
    for (;;) {
      const char* run = p_;
      while (p_ < end_ && *p_ != '"') {
        if (*p_ == '\n') new_line(p_ + 1);
        ++p_;
      }
      quoted_.append(run, p_);
      if (p_ == end_) {
        line_ = line;
        line_begin_ = line_begin;
        fail(begin, begin + 1, "the file ends inside this quoted field; expected `\"`");
        return {};
      }
      ++p_;
      if (p_ < end_ && *p_ == '"') {
        quoted_ += '"';
        ++p_;
        continue;
      }
      break;
    }
    const char* end = p_;
    while (p_ < end_ &&
           (*p_ == ' ' || *p_ == '\t' || (*p_ == '\r' && p_ + 1 < end_ && p_[1] == '\n')))
      ++p_;
    if (p_ < end_ && *p_ != ',' && *p_ != '\n') {
      fail(p_, p_ + 1, "expected `,` or the end of the row after a quoted field");
    }
    return {quoted_, begin, end};
  }

  void fail(const char* begin, const char* end, std::string message) {
    sink_.error(DiagnosticKind::kCsvFormat, place(begin, end), std::move(message));
    stopped_ = true;
  }

  /// True if the row goes on; else moves to the next row.
  bool next_field() {
    if (p_ < end_ && *p_ == '\r') ++p_;
    if (p_ == end_) return false;
    if (*p_++ == ',') return true;
    new_line(p_);
    return false;
  }

  bool skip_empty_lines() {
    while (p_ < end_ && (*p_ == '\n' || (*p_ == '\r' && p_ + 1 < end_ && p_[1] == '\n'))) {
      p_ += *p_ == '\r' ? 2 : 1;
      new_line(p_);
    }
    return p_ < end_;
  }

  void new_line(const char* begin) {
    ++line_;
    line_begin_ = begin;
  }

  /// A span in an excerpt of the current line, which is the first that the field lies in.
  Span place(const char* begin, const char* end) {
    constexpr std::ptrdiff_t kMargin = 200;
    const char* from = begin - line_begin_ > kMargin ? begin - kMargin : line_begin_;
    for (int k = 0; k < 3 && from > line_begin_ && (*from & 0xC0) == 0x80; ++k) --from;
    const char* to = std::min(end_, begin + std::min<std::ptrdiff_t>(kMargin, end_ - begin));
    if (const void* stop = std::memchr(begin, '\n', static_cast<size_t>(to - begin)))
      to = static_cast<const char*>(stop);
    const auto before = std::count_if(line_begin_, from, [](char c) { return (c & 0xC0) != 0x80; });
    const auto clamp32 = [](uint64_t n) {
      return static_cast<uint32_t>(std::min<uint64_t>(n, UINT32_MAX));
    };
    const source::FileId file = sources_.add_excerpt(
        path_, std::string(from, to), {clamp32(line_), clamp32(static_cast<uint64_t>(before) + 1)});
    const auto offset = [&](const char* at) {
      return static_cast<uint32_t>(std::min(at, to) - from);
    };
    return {file, offset(begin), offset(end)};
  }

  std::string path_;
  source::SourceMap& sources_;
  source::DiagnosticSink& sink_;
  const char* p_;
  const char* end_;
  const char* line_begin_;
  uint64_t line_ = 1;
  bool stopped_ = false;
  std::string quoted_;
  std::vector<Column> columns_;
};

std::vector<Column> read_columns(const std::string& path, std::span<const std::string> columns,
                                 source::SourceMap& sources, source::DiagnosticSink& sink) {
  const auto file = source::map_file(path, sink);
  if (file == nullptr) return {};
  return CsvReader(path, file->bytes(), sources, sink).read(columns);
}

}  // namespace

DataTable read_csv(const std::string& path, std::span<const std::string> columns,
                   source::SourceMap& sources, source::DiagnosticSink& sink) {
  DataTable out;
  for (Column& column : read_columns(path, columns, sources, sink)) {
    if (!column.wanted || column.bad) continue;
    const auto rows = static_cast<int64_t>(column.values.size());
    DataValue value = make_value({rows}, std::move(column.values), column.is_int);
    value.span = value.name_span = column.span;
    out.set(std::move(column.name), std::move(value));
  }
  return out;
}

std::optional<DataValue> read_csv_matrix(const std::string& path, source::SourceMap& sources,
                                         source::DiagnosticSink& sink) {
  const std::vector<Column> columns = read_columns(path, {}, sources, sink);
  if (columns.empty()) return std::nullopt;
  bool is_int = true;
  for (const Column& column : columns) {
    if (column.bad) return std::nullopt;
    is_int = is_int && column.is_int;
  }
  const size_t rows = columns[0].values.size();
  std::vector<double> values(rows * columns.size());
  for (size_t j = 0; j < columns.size(); ++j) {
    for (size_t i = 0; i < rows; ++i) values[i * columns.size() + j] = columns[j].values[i];
  }
  DataValue out = make_value({static_cast<int64_t>(rows), static_cast<int64_t>(columns.size())},
                             std::move(values), is_int);
  out.span = out.name_span = columns[0].span;
  return out;
}

}  // namespace vinci::data
