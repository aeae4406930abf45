#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "data/csv.h"
#include "data/npy.h"
#include "source/render.h"

namespace vinci::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A file that is removed at the end of its test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes) {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = ::testing::TempDir() + "vinci_" + info->test_suite_name() + "_" + info->name();
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string npy(std::string header, const std::string& data, int version = 1) {
  const size_t prefix = version == 1 ? 10 : 12;
  while ((prefix + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string out = "\x93NUMPY";
  out += static_cast<char>(version);
  out += '\0';
  for (size_t k = 0; k < prefix - 8; ++k)
    out += static_cast<char>((header.size() >> (8 * k)) & 0xFF);
  return out + header + data;
}

template <class T>
std::string raw(const std::vector<T>& values, bool big_endian = false) {
  std::string out;
  for (const T& value : values) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out += big_endian ? std::string(std::rbegin(bytes), std::rend(bytes))
                      : std::string(bytes, sizeof(T));
  }
  return out;
}

struct Outcome {
  std::optional<DataValue> value;
  DataTable table;
  std::string text;
};

Outcome read_npy_bytes(const std::string& bytes) {
  const TemporaryFile file(bytes);
  source::SourceMap sources;
  source::DiagnosticSink sink;
  Outcome out;
  out.value = read_npy(file.path(), sources, sink);
  out.text = render_text(sink, sources);
  EXPECT_EQ(out.value.has_value(), !sink.has_errors()) << out.text;
  return out;
}

Outcome read_csv_text(const std::string& text, const std::vector<std::string>& columns = {}) {
  const TemporaryFile file(text);
  source::SourceMap sources;
  source::DiagnosticSink sink;
  Outcome out;
  out.table = read_csv(file.path(), columns, sources, sink);
  out.text = render_text(sink, sources);
  return out;
}

TEST(Npy, MapsDoublesInCOrder) {
  for (const int version : {1, 2, 3}) {
    const Outcome out =
        read_npy_bytes(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }",
                           raw<double>({1, 2, 3, 4, 5, NAN}), version));
    ASSERT_TRUE(out.value) << out.text;
    EXPECT_THAT(out.value->dims, ElementsAre(2, 3));
    EXPECT_EQ(out.value->values[4], 5);
    EXPECT_TRUE(std::isnan(out.value->values[5]));
    EXPECT_FALSE(out.value->is_int);
  }
}

TEST(Npy, TurnsFortranOrderIntoRowMajor) {
  const std::vector<double> column_major = {111, 211, 121, 221, 131, 231,
                                            112, 212, 122, 222, 132, 232};
  const Outcome out = read_npy_bytes(
      npy("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3, 2), }", raw(column_major)));
  ASSERT_TRUE(out.value) << out.text;
  EXPECT_THAT(out.value->values,
              ElementsAre(111, 112, 121, 122, 131, 132, 211, 212, 221, 222, 231, 232));
}

template <class T>
void expect_type(const std::string& descr, bool is_int, bool big_endian = false) {
  const Outcome out =
      read_npy_bytes(npy("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (3,), }",
                         raw<T>({T(1), T(0), T(100)}, big_endian)));
  ASSERT_TRUE(out.value) << descr << out.text;
  EXPECT_THAT(out.value->values, ElementsAre(1, 0, 100)) << descr;
  EXPECT_EQ(out.value->is_int, is_int) << descr;
}

TEST(Npy, ReadsAllNumberTypes) {
  expect_type<float>("<f4", false);
  expect_type<float>(">f4", false, true);
  expect_type<double>(">f8", false, true);
  expect_type<int8_t>("|i1", true);
  expect_type<int16_t>("<i2", true);
  expect_type<int32_t>(">i4", true, true);
  expect_type<int64_t>("<i8", true);
  expect_type<uint8_t>("|u1", true);
  expect_type<uint16_t>(">u2", true, true);
  expect_type<uint32_t>("<u4", true);
  expect_type<uint64_t>("<u8", true);
  const Outcome flags = read_npy_bytes(
      npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", std::string("\1\0", 2)));
  EXPECT_THAT(flags.value->values, ElementsAre(1, 0));
  const Outcome large = read_npy_bytes(
      npy("{'descr': '<i8', 'fortran_order': False, 'shape': ()}", raw<int64_t>({1LL << 31})));
  EXPECT_THAT(large.value->dims, IsEmpty());
  EXPECT_FALSE(large.value->is_int);
}

TEST(Npy, ReportsHostileHeaders) {
  const std::string data = raw<double>({1, 2});
  const auto expect = [](const std::string& bytes, const std::string& part) {
    EXPECT_THAT(read_npy_bytes(bytes).text, HasSubstr(part));
  };
  expect("", "does not begin as a .npy file");
  expect("PK\3\4 and more than ten bytes", "does not begin as a .npy file");
  expect(std::string("\x93NUMPY\x09\0\x10\0....", 14), "format version is 9");
  expect(std::string("\x93NUMPY\x01\0\xFF\xFF....", 14), "header says that it is 65535 bytes long");
  expect(std::string("\x93NUMPY\x02\0\xFF\xFF\xFF\xFF....", 16), "header says");
  expect(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", data),
         "not what this shape and type take");
  expect(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", data),
         "not what this shape and type take");
  expect(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-2,)}", data),
         "expected a size that is not negative");
  expect(
      npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296)}",
          data),
      "not what");
  expect(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999999,)}", data),
         "too large");
  expect(npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", data), "have type `|O`");
  expect(npy("{'descr': '<U3', 'fortran_order': False, 'shape': (2,)}", data), "have type `<U3`");
  expect(npy("{'descr': '<f2', 'fortran_order': False, 'shape': (2,)}", data), "[npy-type]");
  expect(npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,)}", data), "records");
  expect(npy("{'descr': '<f8', 'fortran_order': maybe, 'shape': (2,)}", data),
         "expected `True` or `False`");
  expect(npy("{'descr': '<f8', 'shape': (2,)}", data), "no `fortran_order`");
  expect(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'x': 1}", data),
         "unknown key");
  expect(npy("import os", data), "expected `{`");
}

TEST(Npy, KeepsZeroSizesOfAnyShape) {
  const Outcome out = read_npy_bytes(
      npy("{'descr': '<f8', 'fortran_order': True, 'shape': (4294967296, 0, 4294967296)}", ""));
  ASSERT_TRUE(out.value) << out.text;
  EXPECT_TRUE(out.value->values.empty());
}

TEST(Npy, PointsIntoTheHeader) {
  const Outcome out =
      read_npy_bytes(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", ""));
  EXPECT_THAT(out.text, HasSubstr(":1:51: error: "));
}

TEST(Csv, ReadsColumnsByName) {
  const Outcome out =
      read_csv_text("id,\"the \"\"x\"\"\",y,label\r\n1, 2.5 ,-3,\"a,\nb\"\r\n\r\n2,\"4\",1e3,c\r\n",
                    {"id", "the \"x\"", "y"});
  ASSERT_EQ(out.text, "");
  ASSERT_EQ(out.table.size(), 3u);
  EXPECT_THAT(out.table.find("id")->values, ElementsAre(1, 2));
  EXPECT_TRUE(out.table.find("id")->is_int);
  EXPECT_THAT(out.table.find("the \"x\"")->values, ElementsAre(2.5, 4));
  EXPECT_THAT(out.table.find("y")->values, ElementsAre(-3, 1000));
  EXPECT_FALSE(out.table.find("y")->is_int);
  EXPECT_THAT(out.table.find("y")->dims, ElementsAre(2));
}

TEST(Csv, AcceptsTheNumberFormsOfTables) {
  const Outcome out = read_csv_text("a,b\n.5,007\n1.,+3\ninf,-0\nNaN,5");
  ASSERT_EQ(out.text, "");
  EXPECT_EQ(out.table.find("a")->values[0], 0.5);
  EXPECT_TRUE(std::isnan(out.table.find("a")->values[3]));
  EXPECT_THAT(out.table.find("b")->values, ElementsAre(7, 3, 0, 5));
  EXPECT_TRUE(out.table.find("b")->is_int);
}

TEST(Csv, ReportsMissingValuesAndTextWithTheirPlace) {
  const Outcome out = read_csv_text("a,b,c\n1,2,3\n4,,setosa\n7,NA,virginica\n");
  EXPECT_THAT(
      out.text,
      HasSubstr(":3:3: error: column `b` has a missing value [csv-value]\n  4,,setosa\n    ^\n"));
  EXPECT_THAT(
      out.text,
      HasSubstr(":3:4: error: column `c` has the text `setosa`; expected a number [csv-value]\n"));
  EXPECT_EQ(out.table.size(), 1u);
  EXPECT_THAT(read_csv_text("a,b\n1,").text,
              HasSubstr(":2:3: error: column `b` has a missing value"));
}

TEST(Csv, ReportsBrokenTables) {
  EXPECT_THAT(read_csv_text("").text, HasSubstr("is empty"));
  EXPECT_THAT(read_csv_text("a,b\n1,2\n3\n").text,
              HasSubstr(":3:1: error: this row has 1 field; the header has 2"));
  EXPECT_THAT(read_csv_text("a,b\n1,2,3\n").text,
              HasSubstr(":2:1: error: this row has 3 fields; the header has 2"));
  EXPECT_THAT(read_csv_text("1,2\n3,4\n").text, HasSubstr("the first row holds numbers"));
  EXPECT_THAT(read_csv_text("a,b,a\n1,2,3\n").text,
              HasSubstr(":1:5: error: two columns are named `a`"));
  EXPECT_THAT(read_csv_text("a\n\"1\n2\n").text,
              HasSubstr(":2:1: error: the file ends inside this quoted field"));
  EXPECT_THAT(read_csv_text("a\n\"1\"2\n").text, HasSubstr(":2:4: error: expected `,`"));
  EXPECT_THAT(read_csv_text("a\n1e999\n").text, HasSubstr("outside the range of double"));
  const Outcome out = read_csv_text("weight,height\n1,2\n", {"wieght"});
  EXPECT_THAT(out.text, HasSubstr("has no column `wieght`"));
  EXPECT_THAT(out.text, HasSubstr("did you mean `weight`?"));
}

TEST(Csv, PointsIntoVeryLongLines) {
  std::string header = "c0";
  std::string row = "1";
  for (int k = 1; k < 5000; ++k) {
    header += ",c" + std::to_string(k);
    row += k == 4000 ? ",bad" : ",1";
  }
  const Outcome out = read_csv_text(header + "\n" + row + "\n");
  EXPECT_THAT(out.text, HasSubstr(":2:8001: error: column `c4000` has the text `bad`"));
  EXPECT_LT(out.text.size(), 1000u);
}

TEST(Csv, StacksAMatrix) {
  const TemporaryFile file("a,b\n1,2\n3,4\n5,6\n");
  source::SourceMap sources;
  source::DiagnosticSink sink;
  const auto matrix = read_csv_matrix(file.path(), sources, sink);
  ASSERT_TRUE(matrix);
  EXPECT_THAT(matrix->dims, ElementsAre(3, 2));
  EXPECT_THAT(matrix->values, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_TRUE(matrix->is_int);
}

TEST(Csv, EveryPrefixIsReadOrReported) {
  const std::string text = "a,\"b \"\"\",c\r\n1,\"2\",3\n\"4\",5.5,\"6\"\r\n";
  for (size_t n = 0; n <= text.size(); ++n) {
    const Outcome out = read_csv_text(text.substr(0, n));
    EXPECT_TRUE(out.table.size() > 0 || !out.text.empty()) << n;
  }
}

}  // namespace
}  // namespace vinci::data
