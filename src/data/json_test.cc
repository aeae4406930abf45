#include "data/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "data/number.h"
#include "source/render.h"

namespace vinci::data {
namespace {

using source::DiagnosticKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Outcome {
  DataTable table;
  std::string text;                   // the rendered diagnostics
  std::vector<DiagnosticKind> kinds;  // in order
};

Outcome read(std::string json) {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  Outcome out;
  out.table = read_json(sources.add("d.json", std::move(json)), sources, sink);
  out.text = render_text(sink, sources);
  for (const auto& d : sink.diagnostics()) out.kinds.push_back(d.kind);
  return out;
}

const DataValue& value(const Outcome& outcome, std::string_view name) {
  static const DataValue kNone;
  const DataValue* found = outcome.table.find(name);
  EXPECT_NE(found, nullptr) << name << "\n" << outcome.text;
  return found == nullptr ? kNone : *found;
}

void expect_error(const std::string& json, DiagnosticKind kind, const std::string& part) {
  const Outcome out = read(json);
  ASSERT_THAT(out.kinds, ElementsAre(kind)) << json.substr(0, 200) << "\n" << out.text;
  EXPECT_THAT(out.text, HasSubstr(part)) << json.substr(0, 200);
}

TEST(Json, ReadsScalarsArraysAndMatrices) {
  const Outcome out = read(R"({"N": 3, "x": [1, 2.5, -3e2], "M": [[1,2,3],[4,5,6]], "zero": -0})");
  ASSERT_THAT(out.kinds, IsEmpty()) << out.text;
  EXPECT_TRUE(value(out, "N").is_int);
  EXPECT_THAT(value(out, "N").dims, IsEmpty());
  EXPECT_THAT(value(out, "N").values, ElementsAre(3));
  EXPECT_FALSE(value(out, "x").is_int);
  EXPECT_THAT(value(out, "x").dims, ElementsAre(3));
  EXPECT_THAT(value(out, "x").values, ElementsAre(1, 2.5, -300));
  EXPECT_TRUE(value(out, "M").is_int);
  EXPECT_THAT(value(out, "M").dims, ElementsAre(2, 3));
  EXPECT_THAT(value(out, "M").values, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_FALSE(std::signbit(value(out, "zero").values[0]));
}

TEST(Json, TellsIntFromRealByTheToken) {
  const Outcome out =
      read(R"({"a": 2147483647, "b": 2147483648, "c": -2147483648, "d": 3.0, "e": 3e0,
                              "f": [1, 2, 3.0], "g": [1, "NaN"], "h": 123456789012345678901234567890})");
  ASSERT_THAT(out.kinds, IsEmpty()) << out.text;
  EXPECT_TRUE(value(out, "a").is_int);
  for (const char* name : {"b", "c", "d", "e", "f", "g", "h"})
    EXPECT_FALSE(value(out, name).is_int) << name;
  EXPECT_EQ(value(out, "h").values[0], 123456789012345678901234567890.0);
}

TEST(Json, ReadsSpecialValuesBareAndQuoted) {
  const Outcome out = read(
      R"({"x": [NaN, Inf, Infinity, -Inf, -Infinity, "NaN", "Inf", "Infinity", "-Inf", "-Infinity"]})");
  ASSERT_THAT(out.kinds, IsEmpty()) << out.text;
  const auto v = value(out, "x").values;
  ASSERT_EQ(v.size(), 10u);
  EXPECT_TRUE(std::isnan(v[0]) && std::isnan(v[5]));
  for (const size_t k : {1u, 2u, 6u, 7u}) EXPECT_EQ(v[k], std::numeric_limits<double>::infinity());
  for (const size_t k : {3u, 4u, 8u, 9u}) EXPECT_EQ(v[k], -std::numeric_limits<double>::infinity());
}

TEST(Json, KeepsZeroSizes) {
  const Outcome out = read(R"({"a": [], "b": [[],[]], "c": [[[]]] })");
  ASSERT_THAT(out.kinds, IsEmpty()) << out.text;
  EXPECT_THAT(value(out, "a").dims, ElementsAre(0));
  EXPECT_THAT(value(out, "b").dims, ElementsAre(2, 0));
  EXPECT_THAT(value(out, "c").dims, ElementsAre(1, 1, 0));
  EXPECT_TRUE(value(out, "a").is_int);
}

TEST(Json, ReadsTuplesAndArraysOfThem) {
  const Outcome out =
      read(R"({"t": {"1": 3, "2": [1.5, 2]}, "a": [{"1": 1, "2": [1, 2]}, {"2": [3, 4], "1": 2.5}],
                              "n": {"1": {"1": 7}}, "e": []})");
  ASSERT_THAT(out.kinds, IsEmpty()) << out.text;
  const DataValue& t = value(out, "t");
  ASSERT_EQ(t.members.size(), 2u);
  EXPECT_TRUE(t.members[0].is_int);
  EXPECT_THAT(t.members[1].values, ElementsAre(1.5, 2));
  const DataValue& a = value(out, "a");
  EXPECT_THAT(a.dims, ElementsAre(2));
  EXPECT_THAT(a.members[0].dims, ElementsAre(2));
  EXPECT_THAT(a.members[0].values, ElementsAre(1, 2.5));
  EXPECT_THAT(a.members[1].dims, ElementsAre(2, 2));
  EXPECT_THAT(a.members[1].values, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(value(out, "n").members[0].members[0].values, ElementsAre(7));
}

TEST(Json, IgnoresKeysThatAreNoNames) {
  const Outcome out = read(
      R"({"_c": null, ".x": {"a": [true, "text", [[1],2]]}, "é": "\u00e9\n", "N": 1, "": {}})");
  ASSERT_THAT(out.kinds, IsEmpty()) << out.text;
  EXPECT_EQ(out.table.size(), 1u);
}

TEST(Json, ReportsWhatIsNotRectangular) {
  constexpr auto kKind = DiagnosticKind::kJsonNotRectangular;
  expect_error(R"({"x": [[1,2,3],[4,5]]})", kKind,
               "`x[2]` has 2 elements; the lists before it have 3");
  expect_error(R"({"x": [[1],2]})", kKind, "`x[2]` is a number; the elements before it are lists");
  expect_error(R"({"x": [1,[2]]})", kKind, "`x[2]` is a list; the elements before it are numbers");
  expect_error(R"({"x": [[],[1]]})", kKind, "`x[2]` has 1 element; the lists before it have 0");
  expect_error(R"({"x": [[],1]})", kKind, "`x[2]` is a number; the elements before it are lists");
  expect_error(R"({"x": [[[1,2],[3,4]],[[5,6],[7]]]})", kKind, "`x[2,2]` has 1 element");
  expect_error(R"({"x": [1,{"1":2}]})", kKind,
               "`x[2]` is a tuple; the elements before it are numbers");
  expect_error(R"({"x": [{"1":2}, 3]})", kKind,
               "`x[2]` is a number; the elements before it are tuples");
  expect_error(R"({"x": [{"1":2}, [3]]})", kKind,
               "`x[2]` is a list; the elements before it are tuples");
  expect_error(R"({"x": [{"1":2}, {"1":3,"2":4}]})", kKind,
               "`x[2]` has 2 members; the tuples before it have 1");
  expect_error(R"({"x": [{"1":[2]}, {"1":[3,4]}]})", kKind, "`x[2].1` has 2 elements");
}

TEST(Json, ReportsValuesThatAreNoData) {
  constexpr auto kKind = DiagnosticKind::kJsonValue;
  expect_error(R"({"x": [1, null]})", kKind, "`x[2]` is `null`");
  expect_error(R"({"x": true})", kKind, "`x` is `true`");
  expect_error(R"({"x": "abc"})", kKind, "`x` is the text \"abc\"");
  expect_error(R"({"x": "nan"})", kKind, "hint: the special values");
  expect_error(R"({"x": 1e999})", kKind, "larger than the largest double");
  expect_error(R"({"x": {}})", kKind, "empty object");
  expect_error(R"({"x": {"a": 1}})", kKind, "has a member `a`");
  expect_error(R"({"x": {"0": 1}})", kKind, "has a member `0`");
  expect_error(R"({"x": {"2": 1}})", kKind, "has no member \"1\"");
  expect_error(R"({"x": {"1": 1, "1": 2}})", kKind, "has two members \"1\"");
  expect_error(R"({"x": {"99999999999999999999": 1}})", kKind, "has a member");
}

TEST(Json, ReportsDuplicates) {
  expect_error(R"({"x": 1, "x": 2})", DiagnosticKind::kJsonDuplicateKey,
               "note: it stands here first");
}

TEST(Json, ReportsEachBadVariableOnce) {
  const Outcome out = read(R"({"a": [1, null, null], "b": [[1],[2,3],[4,5]], "c": 3, "d": "x"})");
  EXPECT_THAT(out.kinds,
              ElementsAre(DiagnosticKind::kJsonValue, DiagnosticKind::kJsonNotRectangular,
                          DiagnosticKind::kJsonValue));
  EXPECT_EQ(out.table.size(), 1u);
}

TEST(Json, ReportsSyntax) {
  constexpr auto kKind = DiagnosticKind::kJsonSyntax;
  expect_error("", kKind, "the file is empty");
  expect_error("[1]", kKind, "expected a JSON object `{...}`, found `[`");
  expect_error("{", kKind, "expected a name in double quotes, found the end of the file");
  expect_error("{\"x\": [1, 2", kKind,
               "expected `,` or `]` after `x[2]`, found the end of the file");
  expect_error("{\"x\": [1, 2,", kKind, "the file ends where the value of `x[3]` should be");
  expect_error("{\"x\": 1} 2", kKind, "expected the end of the file after the object, found `2`");
  expect_error("{\"x\": 1,}", kKind, "expected a name in double quotes, found `}`");
  expect_error("{\"x\" 1}", kKind, "expected `:`");
  expect_error("{x: 1}", kKind, "found `x`");
  expect_error("{\"x\": 01}", kKind, "`01` is not a JSON number");
  expect_error("{\"x\": 1.}", kKind, "a number breaks off before `}`; expected a digit");
  expect_error("{\"x\": 1e}", kKind, "a number breaks off");
  expect_error("{\"x\": -}", kKind, "a number breaks off");
  expect_error("{\"x\": .5}", kKind,
               "expected a number, list or tuple as the value of `x`, found `.`");
  expect_error("{\"x\": +5}", kKind, "found `+`");
  expect_error("{\"x\": nan}", kKind, "found `n`");
  expect_error("{\"x\": [1 2]}", kKind, "expected `,` or `]` after `x[1]`, found `2`");
  expect_error("{\"x\": \"abc", kKind, "the file ends inside a string");
  expect_error("{\"x\": \"a\nb\"}", kKind, "a string holds a line end");
  expect_error("{\"x\": \"\\q\"}", kKind, "an escape that JSON does not have");
  expect_error("{\"_\": \"\\u12G4\"}", kKind, "an escape that JSON does not have");
  expect_error(std::string("{\"x\": \0}", 8), kKind, "found");
}

TEST(Json, PointsAtThePlace) {
  EXPECT_EQ(
      read("{\n  \"x\": [[1, 2],\n        [3]]\n}").text,
      "d.json:3:9: error: `x[2]` has 1 element; the lists before it have 2 [json-not-rectangular]\n"
      "          [3]]\n"
      "          ^~~\n");
}

TEST(Json, LimitsDepth) {
  for (const char* key : {"x", "_"}) {
    expect_error("{\"" + std::string(key) + "\": " + std::string(10000, '['),
                 DiagnosticKind::kNestingTooDeep, "256");
  }
  std::string tuples = "{\"x\": ";
  for (int i = 0; i < 10000; ++i) tuples += "{\"1\":";
  expect_error(tuples, DiagnosticKind::kNestingTooDeep, "256");
}

TEST(Json, AcceptsAByteOrderMark) { EXPECT_EQ(read("\xEF\xBB\xBF{\"x\": 1}").table.size(), 1u); }

TEST(Json, EveryPrefixOfAFileGivesADiagnostic) {
  const std::string json =
      R"({"a": [[1.5e-3, NaN], ["-Inf", 2]], "t": {"1": [{"1": 2}]}, "_": {"k": ["\u0041"]}})";
  ASSERT_THAT(read(json).kinds, IsEmpty());
  for (size_t n = 0; n < json.size(); ++n) {
    EXPECT_THAT(read(json.substr(0, n)).kinds, ElementsAre(DiagnosticKind::kJsonSyntax))
        << json.substr(0, n);
  }
}

TEST(Json, ReadsTheSharedData) {
  namespace fs = std::filesystem;
  const fs::path root = fs::path(VINCI_SHARED_DIR) / "posteriors";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared posteriors at " << root;
  int files = 0;
  for (const auto& entry : fs::directory_iterator(root)) {
    const fs::path data = entry.path() / "data.json";
    if (!fs::exists(data)) continue;
    source::SourceMap sources;
    source::DiagnosticSink sink;
    const auto id = sources.add_from_path(data.string(), source::kMaxDataBytes, sink);
    ASSERT_TRUE(id.valid());
    EXPECT_GT(read_json(id, sources, sink).size(), 0u) << data;
    EXPECT_TRUE(sink.empty()) << render_text(sink, sources);
    ++files;
  }
  EXPECT_GT(files, 50);
}

TEST(Number, RoundsAsStrtodDoes) {
  std::mt19937_64 random(1);
  const auto check = [](const std::string& token) {
    const Number number = parse_number(token.data(), token.data() + token.size());
    ASSERT_NE(number.status, NumberStatus::kNotANumber) << token;
    const double want = std::strtod(token.c_str(), nullptr);
    if (std::isinf(want)) {
      EXPECT_EQ(number.status, NumberStatus::kOutOfRange) << token;
    } else {
      EXPECT_EQ(number.status, NumberStatus::kOk) << token;
      EXPECT_EQ(number.value, want) << token;
      EXPECT_EQ(std::signbit(number.value), std::signbit(want) && !(number.is_int && want == 0))
          << token;
    }
    EXPECT_EQ(number.end, token.data() + token.size()) << token;
  };
  for (const char* token : {"0.1",
                            "-0.0",
                            "1e22",
                            "1e23",
                            "9007199254740993",
                            "123456789012345",
                            "1234567890123456",
                            "4.9e-324",
                            "2e-324",
                            "2.4703282292062327e-324",
                            "1e-999999999999999999999",
                            "0e999999999999999999",
                            "1.7976931348623159e308",
                            "1.7976931348623158e308",
                            "1e400",
                            "-1e400",
                            "100000000000000000000000e-23",
                            "8.41e-22",
                            "0.000000000000000000000000000000000000000000000001e60",
                            "179769313486231580793e289"}) {
    check(token);
  }
  check("0." + std::string(400, '0') + "1e300");
  check("0." + std::string(400, '0') + "1");
  check("1" + std::string(400, '0'));
  check("1" + std::string(400, '0') + "e-300");
  for (int i = 0; i < 20000; ++i) {  // 16 to 19 digits: halves between doubles are near
    const auto odd = (random() >> 10) | 1;
    std::string token = std::to_string(odd << (random() % 2));
    token.insert(random() % token.size() + 1, ".");
    if (token.back() != '.') check(token);
  }
  for (int i = 0; i < 20000; ++i) {
    std::string token = random() % 2 ? "-" : "";
    token += std::to_string(random() >> (random() % 64));
    if (random() % 2) token += "." + std::to_string(random() >> (random() % 64));
    if (random() % 2) token += "e" + std::to_string(static_cast<int>(random() % 80) - 40);
    check(token);
  }
}

}  // namespace
}  // namespace vinci::data
