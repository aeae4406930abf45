#include "syntax/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/check.h"

namespace vinci::syntax {

namespace {

using source::DiagnosticKind;
using source::FileId;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f' || c == '\v'; }
bool is_newline(char c) { return c == '\n' || c == '\r'; }

/// Typographic characters that word processors and web pages leave in programs.
struct Lookalike {
  std::string_view bytes;
  std::string_view name;
  std::string_view ascii;
};
constexpr Lookalike kLookalikes[] = {
    {"\xE2\x80\x9C", "typographic quote", "\""},
    {"\xE2\x80\x9D", "typographic quote", "\""},
    {"\xE2\x80\x9E", "typographic quote", "\""},
    {"\xE2\x80\x98", "typographic quote", "'"},
    {"\xE2\x80\x99", "typographic quote", "'"},
    {"\xE2\x88\x92", "minus sign", "-"},
    {"\xE2\x80\x93", "en dash", "-"},
    {"\xE2\x80\x94", "em dash", "-"},
    {"\xC3\x97", "multiplication sign", "*"},
    {"\xC2\xB7", "middle dot", "*"},
    {"\xE2\x89\xA4", "less-or-equal sign", "<="},
    {"\xE2\x89\xA5", "greater-or-equal sign", ">="},
    {"\xE2\x89\xA0", "not-equal sign", "!="},
    {"\xC2\xA0", "no-break space", " "},
    {"\xE2\x80\x8B", "zero-width space", " "},
    {"\xEF\xBC\x9B", "full-width semicolon", ";"},
};

/// Punctuation, longest first so that the first match is the longest.
struct Punctuation {
  std::string_view text;
  TokenKind kind;
};
const std::vector<Punctuation>& punctuation_table() {
  static const auto* const table = [] {
    auto* rows = new std::vector<Punctuation>{
#define VINCI_PUNCTUATION(kind, spelling) {spelling, TokenKind::kind},
#include "syntax/tokens.def"
    };
    std::stable_sort(rows->begin(), rows->end(), [](const Punctuation& a, const Punctuation& b) {
      return a.text.size() > b.text.size();
    });
    return rows;
  }();
  return *table;
}

/// Length of the UTF-8 sequence at `text`, at least 1 (a broken sequence is taken byte by byte).
size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (length > text.size()) return 1;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 1;
  }
  return length;
}

class Lexer {
 public:
  Lexer(source::SourceMap& sources, source::DiagnosticSink& sink, const LexOptions& options)
      : sources_(sources), sink_(sink), options_(options) {}

  LexResult run(FileId main) {
    push_file(main, {});
    while (!stack_.empty()) {
      if (pos_ < text_.size()) {
        next();
        continue;
      }
      if (stack_.size() == 1) break;
      stack_.pop_back();
      restore();
    }
    const auto end = static_cast<uint32_t>(text_.size());
    result_.tokens.push_back({TokenKind::kEndOfFile, {main, end, end}});
    report_hash_comments();
    return std::move(result_);
  }

 private:
  struct Frame {
    FileId file;
    size_t pos;
    Span included_at;
  };

  void push_file(FileId file, Span included_at) {
    const size_t size = sources_[file].text().size();
    total_bytes_ += size;
    if (total_bytes_ > source::kMaxProgramBytes) {
      sink_
          .error(DiagnosticKind::kFileTooLarge,
                 included_at.valid() ? included_at : Span{file, 0, 0},
                 fmt::format("the program has more than {} MiB", source::kMaxProgramBytes >> 20))
          .with_hint("tables belong into the data file");
      if (!stack_.empty()) return;
      stack_.push_back({file, size, included_at});
      restore();
      return;
    }
    if (!stack_.empty()) stack_.back().pos = pos_;
    stack_.push_back({file, 0, included_at});
    restore();
    if (text_.starts_with("\xEF\xBB\xBF")) pos_ = 3;  // byte order mark
  }

  void restore() {
    file_ = stack_.back().file;
    text_ = sources_[file_].text();
    pos_ = stack_.back().pos;
  }

  char at(size_t offset) const {
    return pos_ + offset < text_.size() ? text_[pos_ + offset] : '\0';
  }
  Span span(size_t begin, size_t end) const {
    return {file_, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
  }
  void add(TokenKind kind, size_t begin) { result_.tokens.push_back({kind, span(begin, pos_)}); }

  void next() {
    const char c = text_[pos_];
    const size_t begin = pos_;
    if (is_blank(c) || is_newline(c)) {
      ++pos_;
    } else if (is_letter(c)) {
      while (is_word(at(0))) ++pos_;
      add(keyword_kind(text_.substr(begin, pos_ - begin)), begin);
    } else if (is_digit(c) || (c == '.' && is_digit(at(1)))) {
      number();
    } else if (c == '"') {
      string();
    } else if (c == '/' && at(1) == '/') {
      line_comment();
    } else if (c == '/' && at(1) == '*') {
      block_comment();
    } else if (c == '#') {
      hash();
    } else if (c == '@' && is_letter(at(1))) {
      ++pos_;
      while (is_word(at(0))) ++pos_;
      add(TokenKind::kAnnotation, begin);
    } else {
      for (const Punctuation& p : punctuation_table()) {
        if (text_.substr(pos_).starts_with(p.text)) {
          pos_ += p.text.size();
          add(p.kind, begin);
          return;
        }
      }
      unknown_character();
    }
  }

  // INT = [0-9]+ ('_' [0-9]+)*
  void digits() {
    while (is_digit(at(0)) || (at(0) == '_' && is_digit(at(1)))) ++pos_;
  }

  void number() {
    const size_t begin = pos_;
    TokenKind kind = TokenKind::kIntLiteral;
    if (at(0) == '.') {
      kind = TokenKind::kDotLiteral;
      ++pos_;
      digits();
    } else {
      digits();
      // `1./x` and `1.*x` are `1.` followed by the operator, as in the reference implementation.
      if (at(0) == '.') {
        kind = TokenKind::kRealLiteral;
        ++pos_;
        if (is_digit(at(0))) digits();
      }
    }
    const size_t sign = (at(1) == '+' || at(1) == '-') ? 2 : 1;
    if ((at(0) == 'e' || at(0) == 'E') && is_digit(at(sign))) {
      kind = TokenKind::kRealLiteral;
      pos_ += sign;
      digits();
    }
    if (at(0) == 'i' && !is_word(at(1))) {
      kind = TokenKind::kImaginaryLiteral;
      ++pos_;
    } else if (is_word(at(0))) {
      while (is_word(at(0))) ++pos_;
      sink_
          .error(DiagnosticKind::kLiteral, span(begin, pos_),
                 fmt::format("`{}` is neither a number nor a name",
                             clip(text_.substr(begin, pos_ - begin))))
          .with_hint("names begin with a letter; between a number and a name stands an operator");
    }
    add(kind, begin);
  }

  void string() {
    const size_t begin = pos_++;
    while (pos_ < text_.size() && text_[pos_] != '"' && !is_newline(text_[pos_])) ++pos_;
    if (at(0) == '"') {
      ++pos_;
    } else {
      sink_.error(DiagnosticKind::kUnterminatedComment, span(begin, pos_),
                  "the string has no closing quote on its line");
    }
    add(TokenKind::kStringLiteral, begin);
  }

  void skip_line() {
    while (pos_ < text_.size() && !is_newline(text_[pos_])) ++pos_;
  }

  void line_comment() {
    const size_t begin = pos_;
    skip_line();
    result_.comments.push_back({span(begin, pos_)});
  }

  void block_comment() {
    const size_t begin = pos_;
    const size_t end = text_.find("*/", pos_ + 2);
    if (end == std::string_view::npos) {
      sink_.error(DiagnosticKind::kUnterminatedComment, span(begin, begin + 2),
                  "the comment that opens here has no `*/`");
      pos_ = text_.size();
    } else {
      pos_ = end + 2;
    }
    result_.comments.push_back({span(begin, pos_)});
  }

  void hash() {
    if (text_.substr(pos_).starts_with("#include") && !is_word(at(8))) {
      include();
      return;
    }
    if (num_hash_comments_++ == 0) first_hash_ = span(pos_, pos_ + 1);
    line_comment();
  }

  void report_hash_comments() {
    if (num_hash_comments_ == 0) return;
    auto& warning = sink_.warning(DiagnosticKind::kDeprecatedSyntax, first_hash_,
                                  "comments begin with `//`; `#` is the older form");
    if (num_hash_comments_ > 1)
      warning.note({}, fmt::format("and {} more", num_hash_comments_ - 1));
  }

  void include() {
    const size_t begin = pos_;
    pos_ += 8;
    while (is_blank(at(0)) || is_newline(at(0))) ++pos_;  // the name may stand on the next line
    std::string name;
    const char open = at(0);
    if (open == '"' || open == '<') {
      const char close = open == '<' ? '>' : '"';
      const size_t start = ++pos_;
      while (pos_ < text_.size() && text_[pos_] != close && !is_newline(text_[pos_])) ++pos_;
      name = text_.substr(start, pos_ - start);
      if (at(0) == close) {
        ++pos_;
      } else {
        sink_.error(DiagnosticKind::kSyntax, span(begin, pos_),
                    fmt::format("the file name of the #include has no closing `{}`", close));
      }
    } else {
      const size_t start = pos_;
      while (pos_ < text_.size() && !is_blank(text_[pos_]) && !is_newline(text_[pos_])) ++pos_;
      name = text_.substr(start, pos_ - start);
    }
    const Span where = span(begin, pos_);
    if (name.empty()) {
      sink_.error(DiagnosticKind::kSyntax, where, "#include names no file")
          .with_hint("write `#include \"file.stan\"`");
      return;
    }
    if (!options_.expand_includes) {
      result_.comments.push_back({where});
      return;
    }
    open_include(name, where);
  }

  void open_include(const std::string& name, Span where) {
    if (stack_.size() >= kMaxIncludeDepth) {
      sink_.error(DiagnosticKind::kNestingTooDeep, where,
                  fmt::format("includes are nested deeper than {}", kMaxIncludeDepth));
      return;
    }
    if (++num_includes_ > kMaxIncludes) {
      if (num_includes_ == kMaxIncludes + 1) {
        sink_.error(DiagnosticKind::kFileTooLarge, where,
                    fmt::format("the program has more than {} includes", kMaxIncludes));
      }
      return;
    }
    const int errors_before = sink_.num_errors();
    const FileId file = resolve(name, where);
    if (!file.valid()) {
      if (sink_.num_errors() == errors_before) {
        sink_
            .error(DiagnosticKind::kIncludeNotFound, where, fmt::format("no file `{}`", clip(name)))
            .with_hint(
                "it is searched in the folder of the including file, then in the include paths");
      }
      return;
    }
    for (const Frame& frame : stack_) {
      if (frame.file != file && sources_[frame.file].name() != sources_[file].name()) continue;
      auto& error = sink_.error(DiagnosticKind::kIncludeCycle, where,
                                fmt::format("`{}` includes itself", clip(name)));
      for (const Frame& outer : stack_) {
        if (outer.included_at.valid()) error.note(outer.included_at, "included from here");
      }
      return;
    }
    push_file(file, where);
  }

  FileId resolve(const std::string& name, Span where) {
    if (options_.resolver) return options_.resolver(name, file_);
    namespace fs = std::filesystem;
    std::error_code ignored;
    std::vector<fs::path> directories{fs::path(sources_[file_].name()).parent_path()};
    for (const std::string& path : options_.include_paths) directories.emplace_back(path);
    for (const fs::path& directory : directories) {
      const fs::path path = (directory / name).lexically_normal();
      if (fs::is_regular_file(path, ignored)) {
        return sources_.add_from_path(path.string(), source::kMaxProgramBytes, sink_, where);
      }
    }
    return {};
  }

  void unknown_character() {
    const size_t begin = pos_;
    const std::string_view rest = text_.substr(pos_);
    for (const Lookalike& lookalike : kLookalikes) {
      if (!rest.starts_with(lookalike.bytes)) continue;
      pos_ += lookalike.bytes.size();
      auto& error = sink_.error(DiagnosticKind::kCharacter, span(begin, pos_),
                                fmt::format("found a {}", lookalike.name));
      if (lookalike.ascii == "\"") {
        error.with_hint("strings stand between plain quotes: \"...\"");
        skip_typographic_string();
        add(TokenKind::kStringLiteral, begin);
      } else if (lookalike.ascii != " ") {
        error.with_hint(fmt::format("write `{}`", lookalike.ascii));
        for (const Punctuation& p : punctuation_table()) {
          if (p.text == lookalike.ascii) add(p.kind, begin);
        }
      } else {
        error.with_hint("write a plain space");
      }
      return;
    }
    pos_ += utf8_length(rest);
    if (pos_ - begin > 1) {
      // A word of another alphabet is one mistake, not one a letter.
      while (pos_ < text_.size() &&
             (static_cast<unsigned char>(text_[pos_]) >= 0x80 || is_word(text_[pos_]))) {
        ++pos_;
      }
      sink_
          .error(DiagnosticKind::kCharacter, span(begin, pos_),
                 fmt::format("`{}` is not a character of the language",
                             clip(text_.substr(begin, pos_ - begin))))
          .with_hint("names are made of a-z, A-Z, 0-9 and _; comments may hold any text");
      add(TokenKind::kError, begin);
      return;
    }
    const char c = rest[0];
    const auto byte = static_cast<unsigned char>(c);
    // A run of the same stray byte (a binary file, a row of dollars) is one mistake.
    while (pos_ < text_.size() && !is_word(text_[pos_]) && !is_blank(text_[pos_]) &&
           !is_newline(text_[pos_]) && (text_[pos_] == c || (byte >= 0x80 || byte < 0x20)) &&
           ((static_cast<unsigned char>(text_[pos_]) >= 0x80) == (byte >= 0x80)) && at(0) != '"') {
      ++pos_;
    }
    auto& error =
        sink_.error(DiagnosticKind::kCharacter, span(begin, pos_),
                    byte > 0x20 && byte < 0x7F
                        ? fmt::format("`{}` is not a character of the language", c)
                        : fmt::format("byte 0x{:02X} is not a character of the language", byte));
    if (c == '&') error.with_hint("logical and is `&&`");
    if (c == '_') error.with_hint("names begin with a letter");
    if (c == '_') {
      while (is_word(at(0))) ++pos_;
      add(TokenKind::kIdentifier, begin);
    } else if (c == '&') {
      add(TokenKind::kAndAnd, begin);
    } else {
      add(TokenKind::kError, begin);
    }
  }

  void skip_typographic_string() {
    const size_t start = pos_;
    skip_line();
    const std::string_view line = text_.substr(start, pos_ - start);
    for (std::string_view close : {"\xE2\x80\x9D", "\xE2\x80\x9C", "\""}) {
      const size_t end = line.find(close);
      if (end == std::string_view::npos) continue;
      pos_ = start + end + close.size();
      return;
    }
    pos_ = start;
  }

  static std::string clip(std::string_view text) {
    constexpr size_t kMax = 40;
    if (text.size() <= kMax) return std::string(text);
    return std::string(text.substr(0, kMax)) + "...";
  }

  source::SourceMap& sources_;
  source::DiagnosticSink& sink_;
  const LexOptions& options_;
  LexResult result_;
  std::vector<Frame> stack_;
  FileId file_;
  std::string_view text_;
  size_t pos_ = 0;
  size_t total_bytes_ = 0;
  int num_includes_ = 0;
  int num_hash_comments_ = 0;
  Span first_hash_;
};

}  // namespace

LexResult lex(source::FileId main, source::SourceMap& sources, source::DiagnosticSink& sink,
              const LexOptions& options) {
  VINCI_CHECK(main.valid());
  return Lexer(sources, sink, options).run(main);
}

}  // namespace vinci::syntax
