#include "syntax/format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "source/render.h"
#include "syntax/dump.h"
#include "syntax/parse.h"

namespace vinci::syntax {
namespace {

ParseOptions keep_includes() {
  ParseOptions options;
  options.lex.expand_includes = false;
  return options;
}

std::string formatted(const std::string& text, int max_columns = 80) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  const source::FileId file = sources.add("m.stan", text);
  const Program program = parse(file, sources, sink, keep_includes());
  EXPECT_FALSE(sink.has_errors()) << source::render_text(sink, sources);
  return format(program, file, sources, {max_columns});
}

TEST(Format, PrintsTheCanonicalStyle) {
  const std::string text = R"(// head

#include common.stan
data{int N;vector [N] y;


  // of y
real x[N,2]; # old
}
model{
  mu<-alpha+beta*x[1,:]'; if(a){b=1;}else if(c)d=2;else{e=3;}
  for(n in 1:N)y[n]~normal(mu , s)T[0,]; /* end */
}
)";
  const std::string expected = R"(// head

#include common.stan
data {
  int N;
  vector[N] y;

  // of y
  array[N, 2] real x; // old
}
model {
  mu = alpha + beta * x[1, :]';
  if (a) {
    b = 1;
  } else if (c)
    d = 2;
  else {
    e = 3;
  }
  for (n in 1:N)
    y[n] ~ normal(mu, s) T[0, ]; /* end */
}
)";
  EXPECT_EQ(formatted(text), expected);
}

TEST(Format, BreaksLinesBeforeTheLastColumn) {
  EXPECT_EQ(
      formatted("model { target += normal_lpdf(aaaaaaaaaa | bbbbbbbbbb, cccccccccc) + dddddddd; }",
                40),
      R"(model {
  target += normal_lpdf(aaaaaaaaaa |
        bbbbbbbbbb, cccccccccc)
      + dddddddd;
}
)");
}

TEST(Format, KeepsCommentsInLists) {
  EXPECT_EQ(formatted("model { x = f(a, // first\n // of b\n b /* last */); }"),
            R"(model {
  x = f(a, // first
        // of b
        b /* last */
        );
}
)");
}

/// A comment without what the formatter may change: the older `#` and blanks at its end.
std::string_view content(std::string_view comment) {
  if (comment.starts_with("//")) {
    comment.remove_prefix(2);
  } else if (comment.starts_with("#") && !comment.starts_with("#include")) {
    comment.remove_prefix(1);
  }
  return comment.substr(0, comment.find_last_not_of(" \t") + 1);
}

/// Laws 1 and 2 of format.h.
void expect_laws(const std::string& name, const std::string& text) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  const source::FileId file = sources.add(name, text);
  const Program program = parse(file, sources, sink, keep_includes());
  ASSERT_FALSE(sink.has_errors()) << source::render_text(sink, sources);
  sink.clear();
  for (int width : {80, 30}) {
    const std::string once = format(program, file, sources, {width});
    const source::FileId again_file = sources.add("formatted " + name, once);
    const Program again = parse(again_file, sources, sink, keep_includes());
    ASSERT_TRUE(sink.empty()) << source::render_text(sink, sources);
    EXPECT_EQ(dump(program), dump(again)) << name;
    EXPECT_EQ(format(again, again_file, sources, {width}), once) << name;
    ASSERT_EQ(program.comments.size(), again.comments.size()) << name;
    for (size_t i = 0; i < program.comments.size(); ++i) {
      EXPECT_EQ(content(sources.text(program.comments[i].span)),
                content(sources.text(again.comments[i].span)));
    }
  }
}

// Nothing that the formatter could keep: an error, expanded or not.
TEST(Format, AnIncludeOfNothingIsAnError) {
  for (const char* text : {"#include", "#include\n", "#include \"\"\nmodel {}"}) {
    source::SourceMap sources;
    source::DiagnosticSink sink;
    parse(sources.add("m.stan", text), sources, sink, keep_includes());
    EXPECT_TRUE(sink.has_errors()) << text;
  }
}

TEST(Format, CommentsAnywhereKeepTheLaws) {
  // One comment, of each kind, at every gap between the tokens of a program.
  const std::vector<std::string> tokens = {
      "functions", "{",      "real", "f", "(",  "real", "x",  ",",       "int", "n",     ")",
      "{",         "return", "x",    "+", "n",  "*",    "2",  ";",       "}",   "}",     "data",
      "{",         "array",  "[",    "2", ",",  "3",    "]",  "vector",  "<",   "lower", "=",
      "0",         ">",      "[",    "4", "]",  "a",    ",",  "b",       ";",   "}",     "model",
      "{",         "if",     "(",    "a", "==", "b",    ")",  "{",       "x",   "=",     "g",
      "(",         "1",      ",",    "{", "2",  ",",    "3",  "}",       ")",   ";",     "}",
      "else",      "if",     "(",    "c", ")",  "y",    "+=", "c",       "?",   "1",     ":",
      "z",         "[",      "1",    ":", "2",  ",",    "i",  "]",       "'",   ";",     "else",
      "{",         "}",      "for",  "(", "i",  "in",   "1",  ":",       "n",   ")",     "h",
      "(",         "y",      "|",    "m", ",",  "s",    ")",  "~",       "k",   "(",     ")",
      "T",         "[",      "1",    ",", "2",  "]",    ";",  "profile", "(",   "\"p\"", ")",
      "{",         "break",  ";",    "}", "(",  "a",    ",",  "b",       ")",   "=",     "t",
      ".1",        ";",      "}"};
  for (const std::string comment :
       {"// c1\n", "/* c2 */", "\n// c3\n// c4\n", "/* c5 */ // c6\n", "\n\n/* c7\n  c8 */\n\n"}) {
    for (size_t gap = 0; gap <= tokens.size(); ++gap) {
      std::string text;
      for (size_t i = 0; i < tokens.size(); ++i) {
        if (i == gap) text += comment;
        text += tokens[i] + " ";
      }
      if (gap == tokens.size()) text += comment;
      expect_laws("gap " + std::to_string(gap) + " " + comment, text);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(Format, RealProgramsKeepTheLaws) {
  namespace fs = std::filesystem;
  int count = 0;
  for (const char* folder : {"posteriors/programs", "programs/good", "programs/legacy"}) {
    const fs::path path = fs::path(VINCI_SOURCE_DIR) / "tests" / folder;
    if (!fs::exists(path)) continue;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().extension() == ".stan") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      std::string text, reason;
      ASSERT_EQ(source::read_text_file(file.string(), source::kMaxProgramBytes, text, reason),
                source::ReadStatus::kOk);
      expect_laws(file.string(), text);
      ++count;
    }
  }
  if (count == 0) GTEST_SKIP() << "no programs below tests/";
}

}  // namespace
}  // namespace vinci::syntax
