#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "source/diagnostic.h"
#include "source/render.h"
#include "source/source_file.h"
#include "source/suggest.h"

namespace vinci::source {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

Span find(const SourceMap& map, FileId file, std::string_view needle) {
  const size_t at = map[file].text().find(needle);
  EXPECT_NE(at, std::string_view::npos);
  return {file, static_cast<uint32_t>(at), static_cast<uint32_t>(at + needle.size())};
}

TEST(SourceFile, CountsLinesFromOneAndColumnsInCodePoints) {
  const SourceFile file("m.stan", "ab\n\xC3\xA9x\r\n\nlast");
  EXPECT_EQ(file.num_lines(), 4u);
  EXPECT_EQ(file.location(0).line, 1u);
  EXPECT_EQ(file.location(0).column, 1u);
  EXPECT_EQ(file.location(5).line, 2u);  // x, after the two bytes of é
  EXPECT_EQ(file.location(5).column, 2u);
  EXPECT_EQ(file.line_text(2), "\xC3\xA9x");
  EXPECT_EQ(file.line_text(3), "");
  EXPECT_EQ(file.line_text(4), "last");
  EXPECT_EQ(file.line_text(5), "");
  EXPECT_EQ(file.location(1000).line, 4u);
  EXPECT_EQ(file.location(1000).column, 5u);
}

TEST(SourceFile, EmptyTextHasOneEmptyLine) {
  const SourceFile file("m.stan", "");
  EXPECT_EQ(file.num_lines(), 1u);
  EXPECT_EQ(file.location(0).column, 1u);
}

TEST(SourceMap, ExcerptKeepsTheLineNumberOfItsFile) {
  SourceMap map;
  const FileId id = map.add_excerpt("big.csv", "1,x,3\nab", {4711, 101});
  EXPECT_EQ(map.describe({id, 2, 3}), "big.csv:4711:103");
  EXPECT_EQ(map.describe({id, 7, 8}), "big.csv:4712:2");
}

TEST(SourceMap, ReportsFilesThatCannotBeRead) {
  SourceMap map;
  DiagnosticSink sink;
  EXPECT_FALSE(map.add_from_path("/nonexistent/m.stan", kMaxProgramBytes, sink).valid());
  EXPECT_FALSE(map.add_from_path("/", kMaxProgramBytes, sink).valid());
  const std::string path = ::testing::TempDir() + "vinci_source_test.txt";
  std::ofstream(path) << std::string(100, 'x');
  EXPECT_FALSE(map.add_from_path(path, 99, sink).valid());
  EXPECT_TRUE(map.add_from_path(path, 100, sink).valid());
  EXPECT_FALSE(map.add_from_path("/dev/zero", 1000, sink).valid());
  std::remove(path.c_str());
  ASSERT_EQ(sink.diagnostics().size(), 4u);
  EXPECT_EQ(sink.diagnostics()[0].kind, DiagnosticKind::kFileNotFound);
  EXPECT_EQ(sink.diagnostics()[1].kind, DiagnosticKind::kFileUnreadable);
  EXPECT_EQ(sink.diagnostics()[2].kind, DiagnosticKind::kFileTooLarge);
  EXPECT_EQ(sink.diagnostics()[3].kind, DiagnosticKind::kFileTooLarge);
  EXPECT_EQ(render_text(sink.diagnostics()[0], map),
            "error: cannot read `/nonexistent/m.stan`: no such file [file-not-found]\n");
}

TEST(Render, ShowsPlaceMessageCaretNotesAndHint) {
  SourceMap map;
  const FileId id = map.add("m.stan", "data { int k; }\nmodel {\n\ty ~ normal(mu, kk);\n}\n");
  DiagnosticSink sink;
  sink.error(DiagnosticKind::kUnknownIdentifier, find(map, id, "kk"), "`kk` is not declared")
      .note(find(map, id, "k;"), "`k` is declared here")
      .with_hint("did you mean `k`?");
  EXPECT_EQ(render_text(sink, map),
            "m.stan:3:17: error: `kk` is not declared [unknown-identifier]\n"
            "      y ~ normal(mu, kk);\n"
            "                     ^~\n"
            "m.stan:1:12: note: `k` is declared here\n"
            "  data { int k; }\n"
            "             ^~\n"
            "hint: did you mean `k`?\n");
}

TEST(Render, PutsTheCaretOfAnEmptySpanAtTheEndOfTheLine) {
  SourceMap map;
  const FileId id = map.add("m.stan", "int \xC3\xA9 = 3");
  const Diagnostic d{
      Severity::kError, DiagnosticKind::kSyntax, {id, 10, 10}, "expected `;`", {}, {}};
  EXPECT_EQ(render_text(d, map),
            "m.stan:1:10: error: expected `;` [syntax]\n  int \xC3\xA9 = 3\n           ^\n");
}

TEST(Render, UnderlinesOnlyTheFirstLineOfALongSpan) {
  SourceMap map;
  const FileId id = map.add("m.stan", "ab cd\nef\n");
  const Diagnostic d{Severity::kWarning, DiagnosticKind::kSyntax, {id, 3, 8}, "m", {}, {}};
  EXPECT_EQ(render_text(d, map), "m.stan:1:4: warning: m [syntax]\n  ab cd\n     ^~\n");
}

TEST(Render, CutsLongLinesAroundTheCaret) {
  SourceMap map;
  std::string line(2'000'000, 'a');
  line.replace(1'000'000, 3, "BAD");
  const FileId id = map.add("m.stan", line);
  for (const Span span :
       {find(map, id, "BAD"), Span{id, 10, 1'999'999}, Span{id, 1'999'999, 2'000'000}}) {
    const Diagnostic d{Severity::kError, DiagnosticKind::kSyntax, span, line, {}, line};
    const std::string text = render_text(d, map);
    EXPECT_LT(text.size(), 6000u);
    EXPECT_THAT(text, HasSubstr("^"));
  }
  const Diagnostic d{Severity::kError, DiagnosticKind::kSyntax, find(map, id, "BAD"), "m", {}, {}};
  const std::string text = render_text(d, map);
  const size_t first = text.find('\n') + 1;
  const size_t second = text.find('\n', first) + 1;
  // The caret stands under the first letter that it points at.
  EXPECT_EQ(text.find("BAD") - first, text.find('^') - second);
  EXPECT_THAT(text, HasSubstr("^~~\n"));
}

TEST(Render, NeverPassesControlCharactersOn) {
  SourceMap map;
  const FileId id = map.add("m\x1b[2J.stan", "x \x1b[31m \xFF\x07 y");
  const Diagnostic d{
      Severity::kError, DiagnosticKind::kCharacter, {id, 2, 3}, "found `\x1b`\xC0", {}, "\x1b"};
  const std::string text = render_text(d, map);
  for (const char c : text)
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << int(c);
  EXPECT_THAT(text, Not(HasSubstr("\xFF")));
  EXPECT_THAT(render_text(d, map, {.colour = true}), HasSubstr("\x1b[1;31merror:\x1b[0m"));
}

TEST(Render, SurvivesEverySpanOfHostileText) {
  SourceMap map;
  const FileId id = map.add("m", "\t\xE4\xB8\xAD\xCC\x81\x80\x80\x80\r\n\n\xF0\x9F\x98");
  for (uint32_t begin = 0; begin < 20; ++begin) {
    for (uint32_t end = 0; end < 20; ++end) {
      const Diagnostic d{Severity::kError, DiagnosticKind::kSyntax, {id, begin, end}, "m", {}, {}};
      EXPECT_THAT(render_text(d, map), HasSubstr("^")) << begin << " " << end;
    }
  }
}

TEST(Render, JsonHoldsEverythingAndStaysValid) {
  SourceMap map;
  const FileId id = map.add("m.stan", "int k;\nk k");
  DiagnosticSink sink;
  sink.error(DiagnosticKind::kSyntax, {id, 9, 10}, "a \"b\"\n\xFF").note({}, "n").with_hint("h");
  sink.warning(DiagnosticKind::kOption, {}, "w");
  EXPECT_EQ(
      render_json(sink, map),
      "{\"diagnostics\": [{\"severity\": \"error\", \"kind\": \"syntax\", \"message\": "
      "\"a \\\"b\\\"\\n\xEF\xBF\xBD\", \"file\": \"m.stan\", \"line\": 2, \"column\": 3, "
      "\"end_line\": 2, "
      "\"end_column\": 4, \"notes\": [{\"message\": \"n\"}], \"hint\": \"h\"}, "
      "{\"severity\": \"warning\", \"kind\": \"option\", \"message\": \"w\", \"notes\": []}], "
      "\"errors\": 1, \"warnings\": 1}\n");
}

TEST(DiagnosticSink, KeepsTwentyErrorsAndCountsTheRest) {
  SourceMap map;
  DiagnosticSink sink;
  for (int i = 0; i < 50; ++i) sink.error(DiagnosticKind::kSyntax, {}, "e").note({}, "n");
  sink.warning(DiagnosticKind::kDeprecatedSyntax, {}, "w");
  EXPECT_EQ(sink.num_errors(), 50);
  EXPECT_TRUE(sink.full());
  EXPECT_EQ(sink.diagnostics().size(), 21u);
  EXPECT_THAT(render_text(sink, map), EndsWith("30 more errors not shown\n"));
}

TEST(DiagnosticKind, IdsAreUniqueAndKebabCase) {
  std::set<std::string_view> ids;
  for (int i = 0; i < kNumDiagnosticKinds; ++i) {
    const auto kind = static_cast<DiagnosticKind>(i);
    EXPECT_TRUE(ids.insert(kind_id(kind)).second) << kind_id(kind);
    for (const char c : kind_id(kind))
      EXPECT_TRUE((c >= 'a' && c <= 'z') || c == '-') << kind_id(kind);
    EXPECT_FALSE(kind_description(kind).empty());
  }
}

TEST(Suggest, EditDistance) {
  EXPECT_EQ(edit_distance("kitten", "sitting", 10), 3u);
  EXPECT_EQ(edit_distance("theta", "thtea", 10), 1u);
  EXPECT_EQ(edit_distance("ca", "abc", 10),
            3u);  // optimal string alignment, not full Damerau-Levenshtein
  EXPECT_EQ(edit_distance("", "abc", 10), 3u);
  EXPECT_EQ(edit_distance("abcdef", "uvwxyz", 2), 3u);
}

TEST(Suggest, FindsTheNearestName) {
  const std::vector<std::string> names = {"normal_lpdf", "sigma", "student_t", "tau"};
  EXPECT_EQ(did_you_mean("sigam", names), "sigma");
  EXPECT_EQ(did_you_mean("studentt", names), "student_t");
  EXPECT_EQ(did_you_mean("gamma", names), "");
  EXPECT_EQ(did_you_mean("x", names), "");
  EXPECT_EQ(did_you_mean(std::string(100000, 'x'), names), "");
  EXPECT_EQ(did_you_mean("ab", std::vector<std::string_view>{"ac", "xb"}), "ac");
}

}  // namespace
}  // namespace vinci::source
