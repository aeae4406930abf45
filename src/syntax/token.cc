#include "syntax/token.h"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace vinci::syntax {

namespace {

struct KindRow {
  std::string_view name;
  std::string_view spelling;
  bool keyword;
};

constexpr KindRow kRows[] = {
#define VINCI_TOKEN(kind, description) {#kind, description, false},
#define VINCI_PUNCTUATION(kind, spelling) {#kind, spelling, false},
#define VINCI_KEYWORD(kind, spelling) {#kind, spelling, true},
#include "syntax/tokens.def"
};

}  // namespace

std::string_view spelling(TokenKind kind) { return kRows[static_cast<size_t>(kind)].spelling; }

bool is_keyword(TokenKind kind) { return kRows[static_cast<size_t>(kind)].keyword; }

TokenKind keyword_kind(std::string_view text) {
  static const auto* const table = [] {
    auto* map = new std::unordered_map<std::string_view, TokenKind>();
    for (size_t i = 0; i < std::size(kRows); ++i) {
      if (kRows[i].keyword) map->emplace(kRows[i].spelling, static_cast<TokenKind>(i));
    }
    return map;
  }();
  const auto found = table->find(text);
  return found == table->end() ? TokenKind::kIdentifier : found->second;
}

bool is_reserved_for_future(std::string_view text) {
  // Stan reference manual, "Reserved words from Stan language" and the words of the block names.
  static constexpr std::string_view kReserved[] = {
      "auto",   "export", "extern", "false",       "generated", "quantities", "repeat", "static",
      "struct", "then",   "true",   "transformed", "typedef",   "until",      "var"};
  return std::find(std::begin(kReserved), std::end(kReserved), text) != std::end(kReserved);
}

std::string dump(const std::vector<Token>& tokens, const source::SourceMap& sources) {
  std::string out;
  for (const Token& token : tokens) {
    if (token.span.valid()) {
      const source::Location at = sources[token.span.file].location(token.span.begin);
      out += std::to_string(at.line) + ":" + std::to_string(at.column) + " ";
    }
    out += kRows[static_cast<size_t>(token.kind)].name.substr(1);
    const std::string_view text = sources.text(token.span);
    if (!text.empty()) out.append(" ").append(text);
    out += '\n';
  }
  return out;
}

}  // namespace vinci::syntax
