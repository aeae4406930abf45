#include "data/npy_header.h"

#include <fmt/format.h>

#include <bit>
#include <utility>

namespace vinci::data {

namespace {

constexpr size_t kMaxHeaderBytes = size_t{1} << 20;
constexpr size_t kMaxDims = 64;  // NumPy's own limit

/// The header is a Python dict with three entries, of which only literals may be used.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  /// False with `error` (a clause) and `at` set where the text is not such a dict.
  bool parse(NpyHeader& out) {
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
        std::string_view descr;
        if (!read_string(descr)) return fail("expected the element type in quotes");
        out.descr = descr;
        out.descr_begin = static_cast<size_t>(descr.data() - text_.data());
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
  bool read_shape(NpyHeader& out) {
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

}  // namespace

bool NpyElement::is_swapped() const {
  return size > 1 && is_big_endian != (std::endian::native == std::endian::big);
}

std::optional<size_t> NpyHeader::count_in(size_t room, size_t element_size) const {
  size_t count = 1;
  for (const int64_t size : shape) {
    if (size == 0) count = 0;
  }
  if (count > 0) {
    for (const int64_t size : shape) {
      if (static_cast<size_t>(size) > room / count) return std::nullopt;
      count *= static_cast<size_t>(size);
    }
  }
  if (count > room / element_size || count * element_size != room) return std::nullopt;
  return count;
}

size_t npy_data_begin(std::string_view head, NpyHeaderFault& fault) {
  const auto fail = [&](std::string clause) {
    fault = {std::move(clause), false, false, 0};
    return size_t{0};
  };
  if (!head.starts_with(kNpyMagic) || head.size() < 10)
    return fail("it does not begin as a .npy file does");
  const auto byte = [&](size_t i) {
    return static_cast<size_t>(static_cast<unsigned char>(head[i]));
  };
  const size_t version = byte(6);
  if (version < 1 || version > 3)
    return fail(fmt::format("its format version is {}; expected 1, 2 or 3", version));
  const size_t length_bytes = version == 1 ? 2 : 4;
  const size_t text_begin = 8 + length_bytes;
  if (head.size() < text_begin) return fail("it ends inside its header");
  size_t text_size = 0;
  for (size_t k = length_bytes; k-- > 0;) text_size = text_size * 256 + byte(8 + k);
  if (text_size > kMaxHeaderBytes)
    return fail(fmt::format("its header says that it is {} bytes long; at most {} are read",
                            text_size, kMaxHeaderBytes));
  return text_begin + text_size;
}

std::optional<NpyHeader> parse_npy_header(std::string_view bytes, NpyHeaderFault& fault) {
  const size_t end = npy_data_begin(bytes, fault);
  if (end == 0) return std::nullopt;
  NpyHeader out;
  out.text_begin = bytes[6] == 1 ? 10 : 12;
  out.data_begin = end;
  if (end > bytes.size()) {
    fault = {fmt::format("its header says that it is {} bytes long; the file has {}",
                         end - out.text_begin, bytes.size()),
             false, false, 0};
    return std::nullopt;
  }
  HeaderParser parser(bytes.substr(out.text_begin, end - out.text_begin));
  if (!parser.parse(out)) {
    fault = {std::move(parser.error), parser.is_type_error, true, parser.at};
    return std::nullopt;
  }
  return out;
}

std::optional<NpyElement> npy_element(std::string_view descr) {
  if (descr.size() != 3) return std::nullopt;
  NpyElement out;
  constexpr bool kBig = std::endian::native == std::endian::big;
  if (descr[0] != '<' && descr[0] != '>' && descr[0] != '|' && descr[0] != '=') return std::nullopt;
  out.is_big_endian = descr[0] == '>' || (descr[0] != '<' && kBig);
  out.kind = descr[1];
  out.size = static_cast<size_t>(descr[2] - '0');
  const bool is_integer = out.kind == 'i' || out.kind == 'u';
  const bool known =
      (out.kind == 'f' && (out.size == 4 || out.size == 8)) || (out.kind == 'b' && out.size == 1) ||
      (is_integer && (out.size == 1 || out.size == 2 || out.size == 4 || out.size == 8));
  if (!known) return std::nullopt;
  return out;
}

}  // namespace vinci::data
