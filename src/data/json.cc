#include "data/json.h"

#include <fmt/format.h>

#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/number.h"

namespace vinci::data {

namespace {

using source::DiagnosticKind;
using source::Span;

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || !letter(text[0])) return false;
  for (const char c : text) {
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '_') return false;
  }
  return true;
}

/// A value under construction: one number array, or one tuple whose members are such again.
struct Node {
  int leaf_level = -1;        // number of lists around each number or tuple; -1 until the first one
  std::vector<int64_t> dims;  // -1 until the first list of that level is closed
  bool is_int = true;
  bool is_tuple = false;
  std::vector<double> values;
  std::vector<Node> members;
  Span span;
};

DataValue finish(Node& node, const std::vector<int64_t>& outer_dims) {
  std::vector<int64_t> dims = outer_dims;
  dims.insert(dims.end(), node.dims.begin(), node.dims.end());
  if (!node.is_tuple) {
    node.values.shrink_to_fit();
    DataValue out = make_value(std::move(dims), std::move(node.values), node.is_int);
    out.span = node.span;
    return out;
  }
  DataValue out;
  out.span = node.span;
  for (Node& member : node.members) out.members.push_back(finish(member, dims));
  out.dims = std::move(dims);
  return out;
}

class JsonReader {
 public:
  JsonReader(source::FileId file, const source::SourceMap& sources, source::DiagnosticSink& sink)
      : file_(file), sink_(sink) {
    const std::string_view text = sources[file].text();
    begin_ = p_ = text.data();
    end_ = begin_ + text.size();
  }

  DataTable read() {
    if (std::string_view(p_, static_cast<size_t>(end_ - p_)).substr(0, 3) == "\xEF\xBB\xBF")
      p_ += 3;
    skip_blanks();
    if (p_ == end_) {
      syntax_error("the file is empty; expected a JSON object `{...}`");
      return {};
    }
    if (*p_ != '{') {
      syntax_error(fmt::format("expected a JSON object `{{...}}`, found {}", found()));
      return {};
    }
    ++p_;
    skip_blanks();
    if (p_ < end_ && *p_ == '}') {
      ++p_;
    } else if (!read_variables()) {
      return std::move(table_);
    }
    skip_blanks();
    if (p_ < end_)
      syntax_error(fmt::format("expected the end of the file after the object, found {}", found()));
    return std::move(table_);
  }

 private:
  // Every read_ and skip_value function returns false after a syntax error: nothing after it can be
  // trusted.

  bool read_variables() {
    for (;;) {
      if (!read_variable()) return false;
      skip_blanks();
      if (p_ < end_ && *p_ == ',') {
        ++p_;
        skip_blanks();
        continue;
      }
      if (p_ < end_ && *p_ == '}') {
        ++p_;
        return true;
      }
      return syntax_error(
          fmt::format("expected `,` or `}}` after the value of `{}`, found {}", name_, found()));
    }
  }

  bool read_variable() {
    const char* key_begin = p_;
    name_.clear();
    path_.clear();
    bad_ = false;
    if (!read_key(name_)) return false;
    const Span key = span_from(key_begin);
    if (!is_name(name_)) return skip_value(1);
    const auto [earlier, is_new] = seen_.try_emplace(name_, key);
    if (!is_new) {
      sink_
          .error(DiagnosticKind::kJsonDuplicateKey, key,
                 fmt::format("`{}` stands twice in the data", name_))
          .note(earlier->second, "it stands here first");
      bad_ = true;
    }
    Node node;
    const char* value_begin = p_;
    if (!read_value(node, 0, 1)) return false;
    if (bad_) return true;
    node.span = span_from(value_begin);
    DataValue value = finish(node, {});
    value.name_span = key;
    table_.set(name_, std::move(value));
    return true;
  }

  /// A string, a colon and the blanks around them.
  bool read_key(std::string& key) {
    if (p_ == end_ || *p_ != '"') {
      return syntax_error(fmt::format("expected a name in double quotes, found {}", found()));
    }
    if (!read_string(key)) return false;
    skip_blanks();
    if (p_ == end_ || *p_ != ':') {
      return syntax_error(fmt::format("expected `:` after the name, found {}", found()));
    }
    ++p_;
    skip_blanks();
    return true;
  }

  bool read_value(Node& node, int level, int depth) {
    if (depth > kMaxJsonDepth) {
      sink_.error(DiagnosticKind::kNestingTooDeep, here(),
                  fmt::format("lists are nested more than {} deep", kMaxJsonDepth));
      return false;
    }
    if (p_ == end_)
      return syntax_error(fmt::format("the file ends where the value of {} should be", element()));
    if (*p_ == '[') return read_list(node, level, depth);
    if (*p_ == '{') return read_tuple(node, level, depth);
    return read_leaf(node, level);
  }

  bool read_list(Node& node, int level, int depth) {
    const char* list_begin = p_++;
    const auto index = static_cast<size_t>(level);
    if (!bad_ && node.leaf_level >= 0 && level >= node.leaf_level) {
      not_rectangular(
          {file_, offset(list_begin), offset(p_)},
          node.is_tuple
              ? fmt::format("{} is a list; the elements before it are tuples", element())
              : fmt::format("{} is a list; the elements before it are numbers", element()));
    }
    // The sizes of a level's lists are compared as each is closed.
    if (!bad_ && index == node.dims.size()) node.dims.push_back(-1);
    int64_t count = 0;
    path_.push_back(0);
    skip_blanks();
    if (p_ < end_ && *p_ == ']') {
      ++p_;
    } else {
      for (;;) {
        path_.back() = ++count;
        if (!read_plain_number(node, level + 1) && !read_value(node, level + 1, depth + 1))
          return false;
        skip_blanks();
        if (p_ < end_ && *p_ == ',') {
          ++p_;
          skip_blanks();
          continue;
        }
        if (p_ < end_ && *p_ == ']') {
          ++p_;
          break;
        }
        return syntax_error(
            fmt::format("expected `,` or `]` after {}, found {}", element(), found()));
      }
    }
    path_.pop_back();
    if (bad_) return true;
    int64_t& size = node.dims[index];
    if (size < 0) size = count;
    if (size != count) {
      not_rectangular({file_, offset(list_begin), offset(p_)},
                      fmt::format("{} has {} element{}; the lists before it have {}", element(),
                                  count, count == 1 ? "" : "s", size));
    }
    return true;
  }

  /// The common case of read_value, a number after others. False, with nothing read, where it is
  /// not that.
  bool read_plain_number(Node& node, int level) {
    if (node.leaf_level != level || node.is_tuple || bad_) return false;
    const Number number = parse_number(p_, end_);
    if (number.status != NumberStatus::kOk || number.end == end_ || is_word_byte(*number.end))
      return false;
    node.is_int = node.is_int && number.is_int;
    node.values.push_back(number.value);
    p_ = number.end;
    return true;
  }

  bool read_tuple(Node& node, int level, int depth) {
    const char* tuple_begin = p_++;
    enter_leaf(node, level, true, tuple_begin);
    const bool is_first = node.members.empty();
    const size_t outer_path = path_.size();
    std::string outer_name = name_;
    std::vector<bool> seen;
    skip_blanks();
    if (p_ < end_ && *p_ == '}') {
      ++p_;
    } else {
      for (;;) {
        std::string key;
        const char* key_begin = p_;
        if (!read_key(key)) return false;
        const size_t member = member_number(key);
        if (member == 0) {
          value_error(
              span_from(key_begin),
              fmt::format(
                  "{} has a member `{}`; the members of a tuple are named \"1\", \"2\", ...",
                  element(), key.substr(0, 40)));
        }
        Node ignored;
        Node* target = &ignored;
        if (!bad_) {
          if (seen.size() < member) seen.resize(member, false);
          if (seen[member - 1]) {
            value_error(span_from(key_begin),
                        fmt::format("{} has two members \"{}\"", element(), member));
          }
          seen[member - 1] = true;
          if (is_first && node.members.size() < member) node.members.resize(member);
          if (member <= node.members.size()) target = &node.members[member - 1];
        }
        // Paths of messages go on inside the member: `t[2].1[3]`.
        name_ = fmt::format("{}.{}", element_text(), key.substr(0, 40));
        std::vector<int64_t> saved_path;
        std::swap(saved_path, path_);
        const char* value_begin = p_;
        const bool ok = read_value(*target, 0, depth + 1);
        target->span = span_from(value_begin);
        if (!ok) return false;
        std::swap(saved_path, path_);
        name_ = outer_name;
        skip_blanks();
        if (p_ < end_ && *p_ == ',') {
          ++p_;
          skip_blanks();
          continue;
        }
        if (p_ < end_ && *p_ == '}') {
          ++p_;
          break;
        }
        return syntax_error(
            fmt::format("expected `,` or `}}` in the tuple {}, found {}", element(), found()));
      }
    }
    path_.resize(outer_path);
    if (bad_) return true;
    const Span span = span_from(tuple_begin);
    if (seen.empty()) {
      value_error(span, fmt::format("{} is an empty object; a tuple has members \"1\", \"2\", ...",
                                    element()));
      return true;
    }
    for (size_t k = 0; k < seen.size(); ++k) {
      if (!seen[k])
        value_error(span, fmt::format("the tuple {} has no member \"{}\"", element(), k + 1));
    }
    if (!bad_ && seen.size() != node.members.size()) {
      not_rectangular(span, fmt::format("{} has {} members; the tuples before it have {}",
                                        element(), seen.size(), node.members.size()));
    }
    return true;
  }

  /// 1 to 99 for such a key, 0 for others: a number from a file must not decide how much memory is
  /// taken.
  static size_t member_number(std::string_view key) {
    if (key.empty() || key.size() > 2 || key[0] == '0') return 0;
    size_t out = 0;
    for (const char c : key) {
      if (c < '0' || c > '9') return 0;
      out = out * 10 + static_cast<size_t>(c - '0');
    }
    return out;
  }

  /// Bookkeeping for a number or tuple below `level` lists: all lie at the same level and are of
  /// one sort.
  void enter_leaf(Node& node, int level, bool is_tuple, const char* at) {
    if (bad_) return;
    if (node.leaf_level < 0 && static_cast<size_t>(level) == node.dims.size()) {
      node.leaf_level = level;
      node.is_tuple = is_tuple;
      return;
    }
    if (node.leaf_level == level && node.is_tuple == is_tuple) return;
    const std::string_view what = is_tuple ? "tuple" : "number";
    const std::string_view others = node.leaf_level != level ? "lists"
                                    : is_tuple               ? "numbers"
                                                             : "tuples";
    not_rectangular(
        {file_, offset(at), offset(at) + 1},
        fmt::format("{} is a {}; the elements before it are {}", element(), what, others));
  }

  bool read_leaf(Node& node, int level) {
    const char* begin = p_;
    Number number = parse_number(p_, end_);
    if (number.status == NumberStatus::kNotANumber) {
      const Number special = parse_special(p_, end_);
      if (special.status == NumberStatus::kOk) number = special;
    }
    if (number.status == NumberStatus::kNotANumber) {
      const char first = *p_;
      if (first == '"') return read_text_leaf(node, level);
      if (first == '-' || (first >= '0' && first <= '9')) {
        p_ = number.end;
        return syntax_error(
            fmt::format("a number breaks off before {}; expected a digit", found()));
      }
      return read_word(begin);
    }
    p_ = number.end;
    if (p_ < end_ && is_word_byte(*p_)) {
      while (p_ < end_ && is_word_byte(*p_)) ++p_;
      const std::string_view token(begin, std::min<size_t>(static_cast<size_t>(p_ - begin), 40));
      return syntax_error(fmt::format("`{}` is not a JSON number", token), span_from(begin));
    }
    if (number.status == NumberStatus::kOutOfRange) {
      value_error(span_from(begin), fmt::format("{} is larger than the largest double", element()));
      return true;
    }
    put(node, level, number, begin);
    return true;
  }

  void put(Node& node, int level, const Number& number, const char* begin) {
    if (node.leaf_level != level || node.is_tuple || bad_) {
      enter_leaf(node, level, false, begin);
      if (bad_) return;
    }
    node.is_int = node.is_int && number.is_int;
    node.values.push_back(number.value);
  }

  /// A string: one of the special values, or not data.
  bool read_text_leaf(Node& node, int level) {
    const char* begin = p_;
    std::string text;
    if (!read_string(text)) return false;
    const Number special = parse_special(text.data(), text.data() + text.size());
    if (special.status == NumberStatus::kOk && special.end == text.data() + text.size()) {
      put(node, level, special, begin);
      return true;
    }
    if (text.size() > 40) text = text.substr(0, 40) + "...";
    if (auto* diagnostic =
            value_error(span_from(begin),
                        fmt::format("{} is the text \"{}\"; data are numbers, lists and tuples",
                                    element(), text))) {
      diagnostic->with_hint(text == "NA" || text == "nan" || text == "inf" || text == "-inf"
                                ? "the special values are written \"NaN\", \"Inf\" and \"-Inf\""
                                : "write categories as the integers 1, 2, ...");
    }
    return true;
  }

  /// null, true, false, or something that is not JSON.
  bool read_word(const char* begin) {
    while (p_ < end_ && is_word_byte(*p_)) ++p_;
    const std::string_view word(begin, static_cast<size_t>(p_ - begin));
    if (word == "null" || word == "true" || word == "false") {
      if (auto* diagnostic = value_error(
              span_from(begin),
              fmt::format("{} is `{}`; data are numbers, lists and tuples", element(), word))) {
        diagnostic->with_hint(
            word == "null"
                ? "data have no missing values: leave them out, or write them as parameters"
                : "write 1 or 0");
      }
      return true;
    }
    p_ = begin;
    return syntax_error(fmt::format("expected a number, list or tuple as the value of {}, found {}",
                                    element(), found()));
  }

  /// Any JSON, under a key that no Stan program can declare.
  bool skip_value(int depth) {
    if (depth > kMaxJsonDepth) {
      sink_.error(DiagnosticKind::kNestingTooDeep, here(),
                  fmt::format("values are nested more than {} deep", kMaxJsonDepth));
      return false;
    }
    if (p_ == end_) return syntax_error("the file ends where a value should be");
    if (*p_ == '"') {
      std::string text;
      return read_string(text);
    }
    if (*p_ != '[' && *p_ != '{') {
      bad_ = true;  // whatever stands here is no data: no remarks on its value
      Node ignored;
      return read_leaf(ignored, 0);
    }
    const char close = *p_ == '[' ? ']' : '}';
    ++p_;
    skip_blanks();
    if (p_ < end_ && *p_ == close) {
      ++p_;
      return true;
    }
    for (;;) {
      std::string key;
      if (close == '}' && !read_key(key)) return false;
      if (!skip_value(depth + 1)) return false;
      skip_blanks();
      if (p_ < end_ && *p_ == ',') {
        ++p_;
        skip_blanks();
        continue;
      }
      if (p_ < end_ && *p_ == close) {
        ++p_;
        return true;
      }
      return syntax_error(fmt::format("expected `,` or `{}`, found {}", close, found()));
    }
  }

  bool read_string(std::string& out) {
    const char* string_begin = p_++;
    for (;;) {
      const char* run = p_;
      while (p_ < end_ && *p_ != '"' && *p_ != '\\' && static_cast<unsigned char>(*p_) >= 0x20)
        ++p_;
      out.append(run, p_);
      if (p_ == end_) {
        return syntax_error("the file ends inside a string",
                            Span{file_, offset(string_begin), offset(string_begin) + 1});
      }
      if (*p_ == '"') {
        ++p_;
        return true;
      }
      if (*p_ != '\\')
        return syntax_error("a string holds a line end or control character; expected `\"`");
      if (!read_escape(out)) return false;
    }
  }

  bool read_escape(std::string& out) {
    const char* escape = p_++;
    const char c = p_ < end_ ? *p_++ : '\0';
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const size_t letter = c == '\0' ? std::string_view::npos : kLetters.find(c);
    if (letter != std::string_view::npos) {
      out += kMeanings[letter];
      return true;
    }
    if (c == 'u' && end_ - p_ >= 4) {
      int value = 0;
      for (int k = 0; k < 4; ++k) {
        const char h = *p_++;
        const int digit = h >= '0' && h <= '9'   ? h - '0'
                          : h >= 'a' && h <= 'f' ? h - 'a' + 10
                          : h >= 'A' && h <= 'F' ? h - 'A' + 10
                                                 : -1;
        value = digit < 0 || value < 0 ? -1 : value * 16 + digit;
      }
      if (value >= 0) {
        // Names and special values are ASCII: what lies beyond only has to differ from them.
        out += value < 0x80 ? static_cast<char>(value) : '?';
        return true;
      }
    }
    return syntax_error(
        "an escape that JSON does not have; expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t "
        "\\uXXXX",
        Span{file_, offset(escape), offset(p_)});
  }

  static bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '+' || c == '-';
  }

  void skip_blanks() {
    while (p_ < end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r')) ++p_;
  }

  uint32_t offset(const char* at) const { return static_cast<uint32_t>(at - begin_); }
  Span span_from(const char* at) const { return {file_, offset(at), offset(p_)}; }
  Span here() const { return {file_, offset(p_), p_ < end_ ? offset(p_) + 1 : offset(p_)}; }

  std::string found() const {
    if (p_ == end_) return "the end of the file";
    return fmt::format("`{}`", *p_);
  }

  /// `x[3,1]`, the value being read.
  std::string element_text() const {
    if (path_.empty()) return name_;
    return fmt::format("{}[{}]", name_, fmt::join(path_, ","));
  }
  std::string element() const { return fmt::format("`{}`", element_text()); }

  bool syntax_error(std::string message) { return syntax_error(std::move(message), here()); }
  bool syntax_error(std::string message, Span span) {
    sink_.error(DiagnosticKind::kJsonSyntax, span, std::move(message));
    return false;
  }
  /// One error for each variable: what follows in it is mostly the same mistake again.
  source::Diagnostic* value_error(Span span, std::string message) {
    if (bad_) return nullptr;
    bad_ = true;
    return &sink_.error(DiagnosticKind::kJsonValue, span, std::move(message));
  }
  void not_rectangular(Span span, std::string message) {
    if (bad_) return;
    bad_ = true;
    sink_.error(DiagnosticKind::kJsonNotRectangular, span, std::move(message));
  }

  source::FileId file_;
  source::DiagnosticSink& sink_;
  const char* begin_;
  const char* p_;
  const char* end_;
  DataTable table_;
  std::unordered_map<std::string, Span> seen_;
  std::string name_;           // of the variable or tuple member being read
  std::vector<int64_t> path_;  // the 1-based position in its lists
  bool bad_ = false;           // the variable has an error: read on for syntax only
};

}  // namespace

DataTable read_json(source::FileId file, const source::SourceMap& sources,
                    source::DiagnosticSink& sink) {
  return JsonReader(file, sources, sink).read();
}

}  // namespace vinci::data
