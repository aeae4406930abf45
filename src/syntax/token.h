// Tokens: what the lexer makes and the parser reads. Their kinds stand in tokens.def.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/source_file.h"
#include "source/span.h"

namespace vinci::syntax {

enum class TokenKind : uint8_t {
#define VINCI_TOKEN(kind, description) kind,
#define VINCI_PUNCTUATION(kind, spelling) kind,
#define VINCI_KEYWORD(kind, spelling) kind,
#include "syntax/tokens.def"
};

struct Token {
  TokenKind kind = TokenKind::kEndOfFile;
  source::Span span;
};

/// The fixed spelling of an operator, bracket or keyword; a description such as `number` of the
/// others.
std::string_view spelling(TokenKind kind);
/// True for the words that the grammar reserves.
bool is_keyword(TokenKind kind);
/// The keyword that `text` spells, kIdentifier if it is none. O(1).
TokenKind keyword_kind(std::string_view text);
/// Words that no variable or function may be named, though the grammar has no use for them.
bool is_reserved_for_future(std::string_view text);

/// One token a line, `line:column kind text`, for `--dump=tokens`.
std::string dump(const std::vector<Token>& tokens, const source::SourceMap& sources);

}  // namespace vinci::syntax
