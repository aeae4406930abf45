#include "source/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace vinci::source {

namespace {

constexpr size_t kMaxMessageBytes = 2000;
constexpr int kTabColumns = 4;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct CodePoint {
  uint32_t value;  // U+FFFD where the bytes are not UTF-8
  size_t size;     // bytes, at least 1
};

/// Decodes the code point at `text[i]`; overlong forms, surrogates and values past U+10FFFF are
/// broken.
CodePoint decode(std::string_view text, size_t i) {
  const auto byte = [&](size_t k) {
    return static_cast<uint32_t>(static_cast<unsigned char>(text[k]));
  };
  const uint32_t lead = byte(i);
  if (lead < 0x80) return {lead, 1};
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || i + size > text.size()) return {0xFFFD, 1};
  uint32_t value = lead & (0xFFu >> (size + 1));
  for (size_t k = 1; k < size; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) return {0xFFFD, 1};
    value = (value << 6) | (byte(i + k) & 0x3F);
  }
  const uint32_t smallest = size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
  if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
    return {0xFFFD, 1};
  return {value, size};
}

bool is_control(uint32_t c) {
  // C0, DEL, C1, and the bidirectional overrides that make text look other than it is.
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

/// Columns that a terminal gives to a code point: 0 for combining marks, 2 for East Asian wide,
/// else 1.
int width(uint32_t c) {
  if (c < 0x300) return 1;
  if ((c >= 0x300 && c < 0x370) || (c >= 0x200B && c <= 0x200F) || (c >= 0x20D0 && c < 0x2100) ||
      (c >= 0xFE00 && c <= 0xFE0F)) {
    return 0;
  }
  if ((c >= 0x1100 && c < 0x1160) || (c >= 0x2E80 && c < 0xA4D0) || (c >= 0xAC00 && c < 0xD7A4) ||
      (c >= 0xF900 && c < 0xFB00) || (c >= 0xFE30 && c < 0xFE70) || (c >= 0xFF00 && c < 0xFF61) ||
      (c >= 0xFFE0 && c < 0xFFE7) || (c >= 0x1F300 && c < 0x1FB00) ||
      (c >= 0x20000 && c < 0x40000)) {
    return 2;
  }
  return 1;
}

/// A message fit for a terminal: bounded, without control characters other than line feeds.
std::string clean_message(std::string_view text) {
  std::string out;
  size_t i = 0;
  while (i < text.size() && out.size() < kMaxMessageBytes) {
    const CodePoint c = decode(text, i);
    if (c.value == 0xFFFD || (is_control(c.value) && c.value != '\n')) {
      out += c.value == '\t' ? std::string_view(" ") : kReplacement;
    } else {
      out += text.substr(i, c.size);
    }
    i += c.size;
  }
  if (i < text.size()) out += "...";
  return out;
}

struct Excerpt {
  std::string line;
  std::string carets;
};

/// The part of the source line around the span that fits, and the carets that go below.
Excerpt excerpt(const SourceFile& file, Span span, int max_columns) {
  const Location at = file.location(span.begin);
  const std::string_view line = file.line_text(at.line);
  const size_t line_begin = file.line_begin(span.begin);
  const size_t caret_begin =
      std::min<size_t>(std::min(span.begin, file.size()) - line_begin, line.size());
  const size_t caret_end =
      std::clamp<size_t>(std::max(span.end, span.begin) - line_begin, caret_begin, line.size());

  // Start so that the caret lies in the window: from the line's begin if it is near, else half a
  // window back.
  const auto window = static_cast<size_t>(std::max(max_columns, 20));
  size_t begin = 0;
  if (caret_end > window * 3 / 4 && line.size() > window) {
    const size_t want =
        std::min(window / 2, window - std::min(window / 2, caret_end - caret_begin));
    begin = caret_begin > want ? caret_begin - want : 0;
    // Never start inside a code point; four continuation bytes in a row are not UTF-8 anyway.
    for (int k = 0; k < 3 && begin > 0 && (line[begin] & 0xC0) == 0x80; ++k) --begin;
  }

  Excerpt out;
  int column = 0;
  const auto put = [&](std::string_view text, int columns, bool caret, bool first) {
    out.line += text;
    if (columns > 0) {
      out.carets += caret ? (first ? '^' : '~') : ' ';
      out.carets.append(static_cast<size_t>(columns - 1), caret ? '~' : ' ');
    }
    column += columns;
  };
  if (begin > 0) put("...", 3, false, false);
  size_t i = begin;
  while (i < line.size() && column < static_cast<int>(window)) {
    const CodePoint c = decode(line, i);
    const bool caret = i >= caret_begin && i < caret_end;
    const bool first = i == caret_begin;
    if (c.value == '\t') {
      const int columns = kTabColumns - column % kTabColumns;
      put(std::string(static_cast<size_t>(columns), ' '), columns, caret, first);
    } else if (c.value == 0xFFFD || is_control(c.value)) {
      put(kReplacement, 1, caret, first);
    } else {
      put(line.substr(i, c.size), width(c.value), caret, first);
    }
    i += c.size;
    if (caret_begin < caret_end && i >= caret_end && out.carets.find('^') == std::string::npos) {
      out.carets += '^';  // the span holds only code points without width
    }
  }
  if (caret_end == caret_begin && out.carets.find('^') == std::string::npos) {
    // An empty span: between two characters, or at the line's end.
    size_t col = begin > 0 ? 3 : 0;
    int position = static_cast<int>(col);
    for (size_t k = begin; k < caret_begin;) {
      const CodePoint c = decode(line, k);
      position += c.value == '\t' ? kTabColumns - position % kTabColumns
                                  : (is_control(c.value) ? 1 : width(c.value));
      k += c.size;
    }
    out.carets = std::string(static_cast<size_t>(position), ' ') + '^';
  }
  if (i < line.size()) out.line += "...";
  out.carets.erase(out.carets.find_last_not_of(' ') + 1);
  return out;
}

struct Style {
  bool colour;
  std::string paint(std::string_view code, std::string_view text) const {
    return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
};

constexpr std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      return "note";
  }
  return "";
}

void render_one(std::string& out, Severity severity, Span span, std::string_view message,
                std::string_view kind, const SourceMap& sources, const RenderOptions& options) {
  const Style style{options.colour};
  const std::string_view code = severity == Severity::kError     ? "1;31"
                                : severity == Severity::kWarning ? "1;35"
                                                                 : "1;36";
  const std::string place = sources.describe(span);
  if (!place.empty()) out += style.paint("1", clean_message(place + ":")) + " ";
  out += style.paint(code, fmt::format("{}:", severity_name(severity)));
  out += ' ';
  out += clean_message(message);
  if (!kind.empty()) out += style.paint("2", fmt::format(" [{}]", kind));
  out += '\n';
  if (!span.valid()) return;
  const Excerpt shown = excerpt(sources[span.file], span, options.max_columns);
  fmt::format_to(std::back_inserter(out), "  {}\n  {}\n", shown.line,
                 style.paint("1;32", shown.carets));
}

void json_place(std::string& out, Span span, const SourceMap& sources) {
  if (!span.valid()) return;
  const SourceFile& file = sources[span.file];
  const Location begin = file.location(span.begin);
  const Location end = file.location(std::max(span.end, span.begin));
  fmt::format_to(std::back_inserter(out),
                 R"(, "file": {}, "line": {}, "column": {}, "end_line": {}, "end_column": {})",
                 json_string(file.name()), begin.line, begin.column, end.line, end.column);
}

std::string plural(int count, std::string_view noun) {
  return fmt::format("{} more {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::string render_text(const Diagnostic& diagnostic, const SourceMap& sources,
                        const RenderOptions& options) {
  std::string out;
  render_one(out, diagnostic.severity, diagnostic.span, diagnostic.message,
             kind_id(diagnostic.kind), sources, options);
  for (const Note& note : diagnostic.notes) {
    render_one(out, Severity::kNote, note.span, note.message, "", sources, options);
  }
  if (!diagnostic.hint.empty()) {
    out +=
        Style{options.colour}.paint("1;36", "hint:") + " " + clean_message(diagnostic.hint) + "\n";
  }
  return out;
}

std::string render_text(const DiagnosticSink& sink, const SourceMap& sources,
                        const RenderOptions& options) {
  std::string out;
  for (const Diagnostic& diagnostic : sink.diagnostics())
    out += render_text(diagnostic, sources, options);
  const int errors = sink.num_dropped_errors();
  const int warnings = sink.num_dropped_warnings();
  if (errors > 0 && warnings > 0) {
    out +=
        fmt::format("{} and {} not shown\n", plural(errors, "error"), plural(warnings, "warning"));
  } else if (errors > 0 || warnings > 0) {
    out += fmt::format("{} not shown\n",
                       errors > 0 ? plural(errors, "error") : plural(warnings, "warning"));
  }
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = decode(text, i);
    switch (c.value) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case 0xFFFD:
        out += kReplacement;
        break;
      default:
        if (c.value < 0x20 || c.value == 0x7F) {
          out += fmt::format("\\u{:04x}", c.value);
        } else {
          out += text.substr(i, c.size);
        }
    }
    i += c.size;
  }
  return out + "\"";
}

std::string render_json(const DiagnosticSink& sink, const SourceMap& sources) {
  std::string out = R"({"diagnostics": [)";
  bool first = true;
  for (const Diagnostic& d : sink.diagnostics()) {
    out += first ? "" : ", ";
    first = false;
    fmt::format_to(std::back_inserter(out), R"({{"severity": "{}", "kind": "{}", "message": {})",
                   severity_name(d.severity), kind_id(d.kind), json_string(d.message));
    json_place(out, d.span, sources);
    out += R"(, "notes": [)";
    for (size_t k = 0; k < d.notes.size(); ++k) {
      out +=
          fmt::format(R"({}{{"message": {})", k > 0 ? ", " : "", json_string(d.notes[k].message));
      json_place(out, d.notes[k].span, sources);
      out += "}";
    }
    out += "]";
    if (!d.hint.empty()) out += R"(, "hint": )" + json_string(d.hint);
    out += "}";
  }
  return out + fmt::format("], \"errors\": {}, \"warnings\": {}}}\n", sink.num_errors(),
                           sink.num_warnings());
}

}  // namespace vinci::source
