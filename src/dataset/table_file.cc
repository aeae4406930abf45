#include "coding/table_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "coding/emissions.h"
#include "vinci/error.h"

namespace vinci::coding {

namespace {

[[noreturn]] void input_error(const std::string& message) {
  throw Error(Error::Kind::kInput, message);
}

/// A file's bytes, inflated where it is gzipped.
class ByteSource {
 public:
  explicit ByteSource(const std::string& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    if (file_ == nullptr)
      throw Error(Error::Kind::kIo,
                  fmt::format("The file `{}` cannot be read: {}.", path, std::strerror(errno)));
    gzbuffer(file_, 1 << 17);
  }
  ~ByteSource() { gzclose(file_); }
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  const std::string& path() const { return path_; }

  /// Up to `count` bytes; fewer only at the end of the file.
  size_t read(char* to, size_t count) {
    size_t done = 0;
    while (done < count && at_ < buffer_.size()) to[done++] = buffer_[at_++];
    while (done < count) {
      const auto part = static_cast<unsigned>(std::min<size_t>(count - done, 1u << 30));
      const int got = gzread(file_, to + done, part);
      if (got < 0) {
        int code = 0;
        const char* reason = gzerror(file_, &code);
        throw Error(Error::Kind::kInput,
                    fmt::format("The file `{}` cannot be read: {}.", path_,
                                code == Z_ERRNO ? std::strerror(errno) : reason));
      }
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    if (done < count) {
      int code = 0;
      gzerror(file_, &code);
      if (code == Z_BUF_ERROR)
        input_error(fmt::format("The file `{}` ends in the middle of its gzip data.", path_));
    }
    return done;
  }

  /// Looks at the first bytes without taking them.
  std::string peek(size_t count) {
    std::string head(count, '\0');
    head.resize(read(head.data(), count));
    buffer_ = head;
    at_ = 0;
    return head;
  }

  /// A line without its end; false at the end of the file. `ended` tells whether a line feed
  /// followed.
  bool line(std::string& out, bool& ended) {
    constexpr size_t kMaxLine = size_t{1} << 26;
    out.clear();
    ended = false;
    for (;;) {
      if (at_ == buffer_.size()) {
        std::string next(1 << 16, '\0');
        next.resize(read(next.data(), next.size()));
        buffer_ = std::move(next);
        at_ = 0;
        if (buffer_.empty()) return !out.empty();
      }
      const size_t feed = buffer_.find('\n', at_);
      out.append(buffer_, at_, feed == std::string::npos ? std::string::npos : feed - at_);
      if (out.size() > kMaxLine)
        input_error(fmt::format("The file `{}` has a line of more than 64 MiB.", path_));
      at_ = feed == std::string::npos ? buffer_.size() : feed + 1;
      if (feed != std::string::npos) {
        ended = true;
        return true;
      }
    }
  }

 private:
  std::string path_;
  gzFile file_;
  std::string buffer_;
  size_t at_ = 0;
};

int64_t decode_element(const char* bytes, ElementType type) {
  uint64_t x = 0;
  for (size_t k = 0; k < type.bytes; ++k) {
    const size_t from = type.is_big_endian ? k : type.bytes - 1 - k;
    x = x << 8 | static_cast<uint8_t>(bytes[from]);
  }
  const int unused = 64 - 8 * type.bytes;
  return type.is_signed ? static_cast<int64_t>(x << unused) >> unused : static_cast<int64_t>(x);
}

void encode_element(std::string& out, int64_t value, ElementType type) {
  const auto x = static_cast<uint64_t>(value);
  for (size_t k = 0; k < type.bytes; ++k)
    out += static_cast<char>(x >> (8 * (type.is_big_endian ? type.bytes - 1 - k : k)));
}

class BinaryReader final : public TableReader {
 public:
  BinaryReader(std::unique_ptr<ByteSource> source, TableLayout layout, uint64_t rows)
      : source_(std::move(source)), rows_(rows), left_(rows) {
    layout_ = std::move(layout);
  }
  uint64_t expected_rows() const override { return rows_; }
  size_t read(std::vector<int64_t>& values, size_t max_rows) override {
    const size_t rows = static_cast<size_t>(std::min<uint64_t>(max_rows, left_));
    const size_t row_bytes = layout_.columns * layout_.element.bytes;
    std::string row(row_bytes, '\0');
    for (size_t r = 0; r < rows; ++r) {
      if (source_->read(row.data(), row_bytes) < row_bytes)
        input_error(fmt::format("The file `{}` ends after {} of its {} rows.", source_->path(),
                                rows_ - left_, rows_));
      --left_;
      for (size_t c = 0; c < layout_.columns; ++c) {
        const int64_t x = decode_element(row.data() + c * layout_.element.bytes, layout_.element);
        if (x < 0 && !layout_.element.is_signed)
          input_error(
              fmt::format("The file `{}` holds integers above 2^63 - 1, which cannot be coded.",
                          source_->path()));
        values.push_back(x);
      }
    }
    if (left_ == 0 && max_rows > rows) {
      char extra;
      if (source_->read(&extra, 1) != 0)
        input_error(
            fmt::format("The file `{}` goes on after its {} rows.", source_->path(), rows_));
    }
    return rows;
  }

 private:
  std::unique_ptr<ByteSource> source_;
  uint64_t rows_;
  uint64_t left_;
};

/// Sets row_shape and columns from the sizes of the whole array.
void set_shape(TableLayout& layout, const std::vector<uint64_t>& dims, const std::string& path) {
  if (dims.empty()) input_error(fmt::format("The file `{}` holds a single number.", path));
  layout.row_shape.assign(dims.begin() + 1, dims.end());
  layout.columns = 1;
  for (const uint64_t d : layout.row_shape) {
    if (d == 0 || d > kMaxColumns || layout.columns * d > kMaxColumns)
      input_error(fmt::format(
          "The file `{}` has rows of {}; between 1 and {} numbers can be coded as a row.", path,
          d == 0 ? "no numbers" : "too many numbers", kMaxColumns));
    layout.columns *= d;
  }
}

std::unique_ptr<TableReader> open_idx(std::unique_ptr<ByteSource> source) {
  const std::string& path = source->path();
  TableLayout layout;
  layout.format = TableFormat::kIdx;
  char magic[4];
  source->read(magic, 4);
  switch (magic[2]) {
    case 0x08:
      layout.element = {1, false, true};
      break;
    case 0x09:
      layout.element = {1, true, true};
      break;
    case 0x0B:
      layout.element = {2, true, true};
      break;
    case 0x0C:
      layout.element = {4, true, true};
      break;
    default:
      input_error(fmt::format(
          "The file `{}` holds real numbers; only tables of integers can be compressed.", path));
  }
  layout.preamble.assign(magic, 4);
  std::vector<uint64_t> dims;
  for (int d = 0; d < magic[3]; ++d) {
    char size[4];
    if (source->read(size, 4) < 4)
      input_error(fmt::format("The file `{}` ends inside its idx header.", path));
    layout.preamble.append(size, 4);
    dims.push_back(static_cast<uint64_t>(decode_element(size, {4, false, true})));
  }
  set_shape(layout, dims, path);
  return std::make_unique<BinaryReader>(std::move(source), std::move(layout), dims[0]);
}

/// The text of `'key': value` in an npy header.
std::string_view npy_field(std::string_view header, std::string_view key) {
  const size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  const size_t colon = header.find(':', at);
  if (colon == std::string_view::npos) return {};
  size_t begin = colon + 1;
  while (begin < header.size() && header[begin] == ' ') ++begin;
  const char close = begin < header.size() && header[begin] == '(' ? ')' : ',';
  const size_t end = header.find(close, begin);
  return header.substr(begin, end == std::string_view::npos ? end : end - begin);
}

std::unique_ptr<TableReader> open_npy(std::unique_ptr<ByteSource> source) {
  const std::string& path = source->path();
  const auto broken = [&] {
    input_error(fmt::format("The file `{}` has a broken .npy header.", path));
  };
  TableLayout layout;
  layout.format = TableFormat::kNpy;
  std::string head(10, '\0');
  if (source->read(head.data(), 10) < 10) broken();
  size_t length = static_cast<size_t>(decode_element(head.data() + 8, {2, false, false}));
  if (head[6] >= 2) {
    head.resize(12);
    if (source->read(head.data() + 10, 2) < 2) broken();
    length = static_cast<size_t>(decode_element(head.data() + 8, {4, false, false}));
  }
  if (length > 1 << 20) broken();
  std::string text(length, '\0');
  if (source->read(text.data(), length) < length) broken();
  layout.preamble = head + text;
  const std::string_view type = npy_field(text, "'descr'");
  const std::string_view order = npy_field(text, "'fortran_order'");
  std::string_view shape = npy_field(text, "'shape'");
  if (type.size() < 5 || order.empty() || shape.empty() || shape[0] != '(') broken();
  const char kind = type[2];
  const int bytes = type[3] - '0';
  if ((kind != 'i' && kind != 'u' && kind != 'b') ||
      (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8))
    input_error(fmt::format(
        "The file `{}` has elements of type {}; only tables of integers can be compressed.", path,
        type));
  layout.element = {static_cast<uint8_t>(bytes), kind == 'i', type[1] == '>'};
  std::vector<uint64_t> dims;
  shape.remove_prefix(1);
  while (!shape.empty()) {
    if (shape[0] == ' ' || shape[0] == ',') {
      shape.remove_prefix(1);
      continue;
    }
    uint64_t d = 0;
    const auto got = std::from_chars(shape.data(), shape.data() + shape.size(), d);
    if (got.ec != std::errc()) broken();
    shape.remove_prefix(static_cast<size_t>(got.ptr - shape.data()));
    dims.push_back(d);
  }
  if (order.starts_with("True") && dims.size() > 1)
    input_error(
        fmt::format("The file `{}` is in Fortran order; save it in C order "
                    "(numpy.ascontiguousarray).",
                    path));
  set_shape(layout, dims, path);
  return std::make_unique<BinaryReader>(std::move(source), std::move(layout), dims[0]);
}

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
      input_error(fmt::format("The file `{}` is empty; a table has at least a line of names.",
                              source_->path()));
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
      input_error(
          fmt::format("The file `{}` has more than {} columns.", source_->path(), kMaxColumns));
    layout_.row_shape = {layout_.columns};
  }

  size_t read(std::vector<int64_t>& values, size_t max_rows) override {
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
        input_error(fmt::format(
            "`{}`, line {}: field {} is `{}`; a table to compress holds integers of at most 64 "
            "bits.",
            source_->path(), number_, bad_field, bad.substr(0, 40)));
      if (values.size() - before != layout_.columns)
        input_error(fmt::format("`{}`, line {}: {} fields; the rows before have {}.",
                                source_->path(), number_, values.size() - before, layout_.columns));
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

std::unique_ptr<TableReader> open_table(const std::string& path) {
  auto source = std::make_unique<ByteSource>(path);
  const std::string head = source->peek(8);
  if (head.size() >= 8 && head.starts_with("\x93NUMPY")) return open_npy(std::move(source));
  if (head.size() >= 4 && head[0] == 0 && head[1] == 0 && head[2] >= 0x08 && head[2] <= 0x0E &&
      head[3] >= 1 && head[3] <= 8)
    return open_idx(std::move(source));
  for (const char c : head)
    if (static_cast<unsigned char>(c) < 9)
      input_error(
          fmt::format("The file `{}` is none of CSV text, idx and npy (gzipped or not).", path));
  return std::make_unique<CsvReader>(std::move(source));
}

TableLayout as_bytes(TableLayout layout) {
  if (layout.format == TableFormat::kIdx && layout.preamble.size() >= 4) layout.preamble[2] = 0x08;
  if (layout.format != TableFormat::kNpy) layout.element = {1, false, false};
  return layout;
}

TableWriter::TableWriter(const TableLayout& layout, uint64_t rows, Sink sink)
    : layout_(layout), sink_(std::move(sink)) {
  std::string head = layout_.preamble;
  if (layout_.format == TableFormat::kIdx && head.size() >= 8) {
    std::string size;
    encode_element(size, static_cast<int64_t>(rows), {4, false, true});
    head.replace(4, 4, size);
  } else if (layout_.format == TableFormat::kNpy) {
    // The first number of the shape, in place where nothing changes and padded anew otherwise.
    const size_t open = head.find('(', head.find("'shape'"));
    const size_t end = head.find_first_of(",)", open);
    const std::string number = std::to_string(rows);
    if (open != std::string::npos && end != std::string::npos &&
        head.substr(open + 1, end - open - 1) != number) {
      const size_t size = head.size();
      head.replace(open + 1, end - open - 1, number);
      head.pop_back();  // the line feed
      while (head.size() + 1 > size && head.back() == ' ') head.pop_back();
      while (head.size() + 1 < size) head += ' ';
      head += '\n';
    }
  } else if (!head.empty()) {
    // The end of the line of names is written when a row follows or the end says so.
    const size_t end = layout_.has_crlf ? 2 : 1;
    head.resize(head.size() - std::min(end, head.size()));
    pending_newline_ = true;
  }
  sink_(head);
}

void TableWriter::write(const std::vector<int64_t>& values) {
  std::string out;
  if (layout_.format != TableFormat::kCsv) {
    for (const int64_t value : values) {
      encode_element(out, value, layout_.element);
      if (decode_element(out.data() + out.size() - layout_.element.bytes, layout_.element) != value)
        input_error(fmt::format("The value {} does not fit the {}-byte integers of the file.",
                                value, layout_.element.bytes));
    }
    return sink_(out);
  }
  const char* newline = layout_.has_crlf ? "\r\n" : "\n";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i % layout_.columns == 0) {
      if (pending_newline_) out += newline;
      pending_newline_ = true;
    } else {
      out += ',';
    }
    fmt::format_to(std::back_inserter(out), "{}", values[i]);
  }
  sink_(out);
}

void TableWriter::finish(const TableEnd& end) {
  if (layout_.format == TableFormat::kCsv && pending_newline_ && end.has_final_newline)
    sink_(layout_.has_crlf ? "\r\n" : "\n");
}

}  // namespace vinci::coding
