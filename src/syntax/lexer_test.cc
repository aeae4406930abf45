#include "syntax/lexer.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace vinci::syntax {
namespace {

using source::DiagnosticKind;

struct Lexed {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  LexResult result;
  std::string kinds;  // the dump without positions, on one line

  explicit Lexed(const std::string& text, const LexOptions& options = {}) {
    result = lex(sources.add("m.stan", text), sources, sink, options);
    for (const Token& token : result.tokens) {
      if (token.kind == TokenKind::kEndOfFile) break;
      kinds += std::string(sources.text(token.span)) + "|";
    }
  }
};

TEST(Lexer, SplitsOperatorsAtTheLongestMatch) {
  EXPECT_EQ(Lexed("a.*b./c.^d").kinds, "a|.*|b|./|c|.^|d|");
  EXPECT_EQ(Lexed("a%/%b%c==d<=e!=!f").kinds, "a|%/%|b|%|c|==|d|<=|e|!=|!|f|");
  EXPECT_EQ(Lexed("x+=1;x.*=2;x./=3;x'").kinds, "x|+=|1|;|x|.*=|2|;|x|./=|3|;|x|'|");
  EXPECT_EQ(Lexed("a<-b").kinds, "a|<|-|b|");
}

TEST(Lexer, KnowsEveryFormOfNumber) {
  const Lexed lexed("1 1_000 1. 1.5 1e3 1.5e-3_0 .5e2 .5 2i 2.5i .5i t.1.2");
  const TokenKind expected[] = {
      TokenKind::kIntLiteral,       TokenKind::kIntLiteral,       TokenKind::kRealLiteral,
      TokenKind::kRealLiteral,      TokenKind::kRealLiteral,      TokenKind::kRealLiteral,
      TokenKind::kRealLiteral,      TokenKind::kDotLiteral,       TokenKind::kImaginaryLiteral,
      TokenKind::kImaginaryLiteral, TokenKind::kImaginaryLiteral, TokenKind::kIdentifier,
      TokenKind::kDotLiteral,       TokenKind::kDotLiteral,       TokenKind::kEndOfFile};
  ASSERT_EQ(lexed.result.tokens.size(), std::size(expected));
  for (size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(lexed.result.tokens[i].kind, expected[i]) << i;
  }
  EXPECT_TRUE(lexed.sink.empty());
}

TEST(Lexer, KeepsCommentsApart) {
  const Lexed lexed("a // b\n/* c\n d */ e");
  EXPECT_EQ(lexed.kinds, "a|e|");
  ASSERT_EQ(lexed.result.comments.size(), 2u);
  EXPECT_EQ(lexed.sources.text(lexed.result.comments[1].span), "/* c\n d */");
}

TEST(Lexer, DumpNamesPlaceKindAndText) {
  const Lexed lexed("real\n  x;");
  EXPECT_EQ(dump(lexed.result.tokens, lexed.sources),
            "1:1 Real real\n2:3 Identifier x\n2:4 Semicolon ;\n2:5 EndOfFile\n");
}

DiagnosticKind only_diagnostic(const std::string& text) {
  const Lexed lexed(text);
  EXPECT_EQ(lexed.sink.diagnostics().size(), 1u) << text;
  return lexed.sink.empty() ? DiagnosticKind::kOption : lexed.sink.diagnostics()[0].kind;
}

TEST(Lexer, ReportsWhatIsNoToken) {
  EXPECT_EQ(only_diagnostic("x = $$$;"), DiagnosticKind::kCharacter);
  EXPECT_EQ(only_diagnostic("x = \xC3\xA4\xC3\xB6;"), DiagnosticKind::kCharacter);
  EXPECT_EQ(only_diagnostic("print(\xE2\x80\x9Chello\xE2\x80\x9D);"), DiagnosticKind::kCharacter);
  EXPECT_EQ(only_diagnostic("a \xE2\x88\x92 b"), DiagnosticKind::kCharacter);
  EXPECT_EQ(only_diagnostic("a \xFF\xFE b"), DiagnosticKind::kCharacter);
  EXPECT_EQ(only_diagnostic("2x"), DiagnosticKind::kLiteral);
  EXPECT_EQ(only_diagnostic("\"abc\n"), DiagnosticKind::kUnterminatedComment);
  EXPECT_EQ(only_diagnostic("/* abc"), DiagnosticKind::kUnterminatedComment);
  EXPECT_EQ(only_diagnostic("# old\n# older\n"), DiagnosticKind::kDeprecatedSyntax);
}

TEST(Lexer, LookalikesStandForWhatTheyMean) {
  EXPECT_EQ(Lexed("a \xE2\x89\xA4 b").result.tokens[1].kind, TokenKind::kLessEqual);
  EXPECT_EQ(Lexed("\xE2\x80\x9Chi\xE2\x80\x9D;").result.tokens[0].kind, TokenKind::kStringLiteral);
}

TEST(Lexer, SkipsTheByteOrderMarkAndCarriageReturns) {
  const Lexed lexed("\xEF\xBB\xBF// c\r\nint\r\nN;");
  EXPECT_EQ(lexed.kinds, "int|N|;|");
  EXPECT_TRUE(lexed.sink.empty());
}

/// Includes from memory.
struct Files {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  std::map<std::string, std::string> texts;

  std::string expand(const std::string& main) {
    LexOptions options;
    options.resolver = [this](const std::string& name, source::FileId) {
      const auto found = texts.find(name);
      return found == texts.end() ? source::FileId{} : sources.add(name, found->second);
    };
    const LexResult result = lex(sources.add("main", texts[main]), sources, sink, options);
    std::string words;
    for (const Token& token : result.tokens) words.append(sources.text(token.span)).append(" ");
    return words;
  }
};

TEST(Lexer, ExpandsIncludesInAllSpellings) {
  Files files;
  files.texts = {{"main", "1 #include a.stan // c\n2\n  #include \"b c\"\n3 #include\n<a.stan>\n4"},
                 {"a.stan", "x"},
                 {"b c", "y #include a.stan\nz"}};
  EXPECT_EQ(files.expand("main"), "1 x 2 y x z 3 x 4  ");
  EXPECT_TRUE(files.sink.empty());
}

TEST(Lexer, RefusesMissingAndCircularIncludes) {
  Files files;
  files.texts = {
      {"main", "#include none\n1\n#include a\n2"}, {"a", "#include b\n"}, {"b", "#include a\n3"}};
  EXPECT_EQ(files.expand("main"), "1 3 2  ");
  ASSERT_EQ(files.sink.diagnostics().size(), 2u);
  EXPECT_EQ(files.sink.diagnostics()[0].kind, DiagnosticKind::kIncludeNotFound);
  EXPECT_EQ(files.sink.diagnostics()[1].kind, DiagnosticKind::kIncludeCycle);
}

TEST(Lexer, BoundsIncludesThatMultiply) {
  // 2^40 inclusions if nothing stopped them.
  Files files;
  files.texts["main"] = "#include 0\n";
  for (int i = 0; i < 40; ++i) {
    const std::string next = "#include " + std::to_string(i + 1) + "\n";
    files.texts[std::to_string(i)] = next + next;
  }
  files.texts["40"] = "x";
  files.expand("main");
  ASSERT_FALSE(files.sink.empty());
  EXPECT_EQ(files.sink.diagnostics()[0].kind, DiagnosticKind::kFileTooLarge);
}

}  // namespace
}  // namespace vinci::syntax
