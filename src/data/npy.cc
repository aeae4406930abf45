#include "data/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "source/mapped_file.h"

namespace vinci::data {

namespace {

using source::DiagnosticKind;
using source::Span;

constexpr size_t kMaxHeaderBytes = size_t{1} << 20;
constexpr size_t kMaxDims = 64;  // NumPy's own limit

struct Header {
  std::string_view descr;  // such as "<f8"
  bool fortran_order = false;
  std::vector<int64_t> shape;
  size_t shape_begin = 0;  // bytes in the header text
  size_t shape_end = 0;
};

/// The header is a Python dict with three entries, of which only literals may be used.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  /// False with `error` (a clause) and `at` set where the text is not such a dict.
  bool parse(Header& out) {
    if (!expect('{')) return fail("expected `{`");
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    while (!expect('}')) {
      std::string_view key;
      if (!read_string(key)) return fail("expected a key in quotes");
      if (!expect(':')) return fail("expected `:`");
      if (key == "descr") {
        has_descr = true;
        skip_blanks();
        if (at < text_.size() && (text_[at] == '[' || text_[at] == '(')) {
          return fail_type("its elements are records; expected numbers");
        }
        if (!read_string(out.descr)) return fail("expected the element type in quotes");
      } else if (key == "fortran_order") {
        has_order = true;
        if (expect_word("True")) {
          out.fortran_order = true;
        } else if (expect_word("False")) {
          out.fortran_order = false;
        } else {
          return fail("expected `True` or `False`");
        }
      } else if (key == "shape") {
        has_shape = true;
        if (!read_shape(out)) return false;
      } else {
        return fail("the header has an unknown key");
      }
      if (!expect(',')) {
        if (!expect('}')) return fail("expected `,` or `}`");
        break;
      }
    }
    skip_blanks();
    if (at < text_.size()) return fail("the header goes on after its `}`");
    if (!has_descr) return fail("the header has no `descr`");
    if (!has_order) return fail("the header has no `fortran_order`");
    if (!has_shape) return fail("the header has no `shape`");
    return true;
  }

  std::string error;
  bool is_type_error = false;
  size_t at = 0;

 private:
  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }
  bool fail_type(std::string message) {
    is_type_error = true;
    return fail(std::move(message));
  }
  void skip_blanks() {
    while (at < text_.size() && (text_[at] == ' ' || text_[at] == '\n' || text_[at] == '\t')) ++at;
  }
  bool expect(char c) {
    skip_blanks();
    if (at == text_.size() || text_[at] != c) return false;
    ++at;
    return true;
  }
  bool expect_word(std::string_view word) {
    skip_blanks();
    if (text_.substr(at, word.size()) != word) return false;
    at += word.size();
    return true;
  }
  bool read_string(std::string_view& out) {
    skip_blanks();
    if (at == text_.size() || (text_[at] != '\'' && text_[at] != '"')) return false;
    const size_t end = text_.find(text_[at], at + 1);
    if (end == std::string_view::npos) return false;
    out = text_.substr(at + 1, end - at - 1);
    at = end + 1;
    return true;
  }
  bool read_shape(Header& out) {
    skip_blanks();
    out.shape_begin = at;
    out.shape.clear();
    if (!expect('(')) return fail("expected the shape as `(sizes...)`");
    while (!expect(')')) {
      skip_blanks();
      const size_t begin = at;
      int64_t size = 0;
      for (; at < text_.size() && text_[at] >= '0' && text_[at] <= '9'; ++at) {
        if (size > (int64_t{1} << 58)) return fail("a size of the shape is too large");
        size = size * 10 + (text_[at] - '0');
      }
      if (at == begin) return fail("expected a size that is not negative");
      if (at < text_.size() && text_[at] == 'L') ++at;  // Python 2
      if (out.shape.size() == kMaxDims) return fail("the shape has more than 64 sizes");
      out.shape.push_back(size);
      if (!expect(',')) {
        if (!expect(')')) return fail("expected `,` or `)`");
        break;
      }
    }
    out.shape_end = at;
    return true;
  }

  std::string_view text_;
};

/// Element types: how to read one, and whether they are integers.
struct ElementType {
  char kind = 0;  // f, i, u, b
  size_t size = 0;
  bool swapped = false;
};

std::optional<ElementType> element_type(std::string_view descr) {
  if (descr.size() != 3) return std::nullopt;
  ElementType out;
  constexpr bool kLittle = std::endian::native == std::endian::little;
  if (descr[0] == '<') {
    out.swapped = !kLittle;
  } else if (descr[0] == '>') {
    out.swapped = kLittle;
  } else if (descr[0] != '|' && descr[0] != '=') {
    return std::nullopt;
  }
  out.kind = descr[1];
  out.size = static_cast<size_t>(descr[2] - '0');
  const bool is_integer = out.kind == 'i' || out.kind == 'u';
  const bool known =
      (out.kind == 'f' && (out.size == 4 || out.size == 8)) || (out.kind == 'b' && out.size == 1) ||
      (is_integer && (out.size == 1 || out.size == 2 || out.size == 4 || out.size == 8));
  if (!known) return std::nullopt;
  if (out.size == 1) out.swapped = false;
  return out;
}

template <class T>
void convert(const char* from, size_t count, bool swapped, std::vector<double>& out) {
  for (size_t i = 0; i < count; ++i) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, from + i * sizeof(T), sizeof(T));
    if (swapped) std::reverse(bytes, bytes + sizeof(T));
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    out[i] = static_cast<double>(value);
  }
}

void convert(const ElementType& type, const char* from, size_t count, std::vector<double>& out) {
  const bool swapped = type.swapped;
  if (type.kind == 'f')
    return type.size == 4 ? convert<float>(from, count, swapped, out)
                          : convert<double>(from, count, swapped, out);
  if (type.kind == 'b') {
    for (size_t i = 0; i < count; ++i) out[i] = from[i] != 0 ? 1.0 : 0.0;
    return;
  }
  const bool is_signed = type.kind == 'i';
  switch (type.size) {
    case 1:
      return is_signed ? convert<int8_t>(from, count, swapped, out)
                       : convert<uint8_t>(from, count, swapped, out);
    case 2:
      return is_signed ? convert<int16_t>(from, count, swapped, out)
                       : convert<uint16_t>(from, count, swapped, out);
    case 4:
      return is_signed ? convert<int32_t>(from, count, swapped, out)
                       : convert<uint32_t>(from, count, swapped, out);
    default:
      return is_signed ? convert<int64_t>(from, count, swapped, out)
                       : convert<uint64_t>(from, count, swapped, out);
  }
}

/// First index fastest -> last index fastest. O(n dims).
std::vector<double> to_row_major(const std::vector<double>& column_major,
                                 const std::vector<int64_t>& shape) {
  std::vector<double> out(column_major.size());
  std::vector<int64_t> index(shape.size(), 0);
  std::vector<size_t> stride(shape.size(), 1);
  for (size_t k = 1; k < shape.size(); ++k)
    stride[k] = stride[k - 1] * static_cast<size_t>(shape[k - 1]);
  size_t from = 0;
  for (double& value : out) {
    value = column_major[from];
    for (size_t k = shape.size(); k-- > 0;) {
      from += stride[k];
      if (++index[k] < shape[k]) break;
      from -= stride[k] * static_cast<size_t>(shape[k]);
      index[k] = 0;
    }
  }
  return out;
}

}  // namespace

std::optional<DataValue> read_npy(const std::string& path, source::SourceMap& sources,
                                  source::DiagnosticSink& sink) {
  const auto file = source::map_file(path, sink);
  if (file == nullptr) return std::nullopt;
  const std::string_view bytes = file->bytes();
  const auto fail = [&](DiagnosticKind kind, Span span, const std::string& clause) {
    sink.error(kind, span, fmt::format("cannot use `{}`: {}", path, clause));
    return std::nullopt;
  };

  constexpr std::string_view kMagic = "\x93NUMPY";
  if (bytes.substr(0, kMagic.size()) != kMagic || bytes.size() < 10) {
    return fail(DiagnosticKind::kNpyFormat, {}, "it does not begin as a .npy file does");
  }
  const auto byte = [&](size_t i) {
    return static_cast<size_t>(static_cast<unsigned char>(bytes[i]));
  };
  const size_t version = byte(6);
  if (version < 1 || version > 3) {
    return fail(DiagnosticKind::kNpyFormat, {},
                fmt::format("its format version is {}; expected 1, 2 or 3", version));
  }
  const size_t length_bytes = version == 1 ? 2 : 4;
  const size_t header_begin = 8 + length_bytes;
  if (bytes.size() < header_begin)
    return fail(DiagnosticKind::kNpyFormat, {}, "it ends inside its header");
  size_t header_size = 0;
  for (size_t k = length_bytes; k-- > 0;) header_size = header_size * 256 + byte(8 + k);
  if (header_size > kMaxHeaderBytes || header_size > bytes.size() - header_begin) {
    return fail(DiagnosticKind::kNpyFormat, {},
                fmt::format("its header says that it is {} bytes long; the file has {}",
                            header_size, bytes.size()));
  }

  // From here on there is a text to point at.
  const source::FileId text =
      sources.add(path, std::string(bytes.substr(header_begin, header_size)));
  const auto span = [&](size_t begin, size_t end) {
    return Span{text, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
  };
  Header header;
  HeaderParser parser(sources[text].text());
  if (!parser.parse(header)) {
    return fail(parser.is_type_error ? DiagnosticKind::kNpyType : DiagnosticKind::kNpyFormat,
                span(parser.at, parser.at + 1), parser.error);
  }
  const Span shape_span = span(header.shape_begin, header.shape_end);
  const std::optional<ElementType> type = element_type(header.descr);
  if (!type) {
    const auto begin = static_cast<size_t>(header.descr.data() - sources[text].text().data());
    sink.error(DiagnosticKind::kNpyType, span(begin, begin + header.descr.size()),
               fmt::format("the elements of `{}` have type `{}`; expected bool, int8 to int64, "
                           "uint8 to uint64, "
                           "float32 or float64",
                           path, header.descr.substr(0, 40)))
        .with_hint("convert the array with .astype(\"float64\") before saving it");
    return std::nullopt;
  }

  const size_t data_begin = header_begin + header_size;
  const size_t room = bytes.size() - data_begin;
  size_t count = 1;
  bool fits = true;
  for (const int64_t size : header.shape) {
    if (size == 0) count = 0;
  }
  if (count > 0) {
    for (const int64_t size : header.shape) {
      if (static_cast<size_t>(size) > room / count) fits = false;
      if (!fits) break;
      count *= static_cast<size_t>(size);
    }
  }
  if (!fits || count > room / type->size || count * type->size != room) {
    return fail(
        DiagnosticKind::kNpyFormat, shape_span,
        fmt::format("its array has {} bytes, which is not what this shape and type take", room));
  }

  DataValue out;
  const char* data = bytes.data() + data_begin;
  const bool in_order = !header.fortran_order || header.shape.size() < 2 || count == 0;
  const bool usable = type->kind == 'f' && type->size == 8 && !type->swapped && in_order &&
                      reinterpret_cast<uintptr_t>(data) % alignof(double) == 0;
  if (usable) {
    out.dims = header.shape;
    out.values = {reinterpret_cast<const double*>(data), count};
    out.storage = file;
  } else {
    std::vector<double> values(count);
    convert(*type, data, count, values);
    if (!in_order) values = to_row_major(values, header.shape);
    const bool is_int =
        type->kind != 'f' && std::all_of(values.begin(), values.end(),
                                         [](double v) { return std::fabs(v) <= 2147483647; });
    out = make_value(header.shape, std::move(values), is_int);
  }
  out.span = out.name_span = shape_span;
  return out;
}

}  // namespace vinci::data
