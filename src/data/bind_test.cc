#include "data/bind.h"

#include <gtest/gtest.h>

namespace vinci::data {
namespace {

using syntax::BaseType;

DeclaredShape declared(BaseType base, std::vector<int64_t> dims) {
  DeclaredShape shape;
  shape.name = "y";
  shape.base = base;
  shape.dims = std::move(dims);
  shape.spelled = "the type";
  return shape;
}

std::string kind(const DeclaredShape& shape, const DataValue& value) {
  source::DiagnosticSink sink;
  if (check_shape(shape, value, sink)) {
    EXPECT_TRUE(sink.empty());
    return "ok";
  }
  EXPECT_EQ(sink.num_errors(), 1);
  return std::string(source::kind_id(sink.diagnostics().front().kind));
}

TEST(BindTest, ShapesHaveToBeEqual) {
  const DeclaredShape matrix = declared(BaseType::kMatrix, {2, 3});
  EXPECT_EQ(kind(matrix, make_value({2, 3}, {1, 2, 3, 4, 5, 6}, true)), "ok");
  EXPECT_EQ(kind(matrix, make_value({3, 2}, {1, 2, 3, 4, 5, 6}, true)), "data-shape");
  EXPECT_EQ(kind(matrix, make_value({6}, {1, 2, 3, 4, 5, 6}, true)), "data-shape");
}

TEST(BindTest, ANumberIsNoListOfOneNumber) {
  EXPECT_EQ(kind(declared(BaseType::kReal, {}), make_value({1}, {3}, true)), "data-shape");
  EXPECT_EQ(kind(declared(BaseType::kVector, {1}), make_value({}, {3}, true)), "data-shape");
}

TEST(BindTest, IntsNeedInts) {
  EXPECT_EQ(kind(declared(BaseType::kInt, {}), make_value({}, {3}, true)), "ok");
  EXPECT_EQ(kind(declared(BaseType::kInt, {}), make_value({}, {3}, false)), "data-type");
  EXPECT_EQ(kind(declared(BaseType::kReal, {}), make_value({}, {3}, true)), "ok");
}

TEST(BindTest, EverythingEmptyFitsSizeZero) {
  const DeclaredShape empty = declared(BaseType::kMatrix, {0, 3});
  EXPECT_EQ(kind(empty, make_value({0}, {}, true)), "ok");
  EXPECT_EQ(kind(empty, make_value({2, 0}, {}, true)), "ok");
  EXPECT_EQ(kind(empty, make_value({1}, {1}, true)), "data-shape");
}

TEST(BindTest, Tuples) {
  DeclaredShape tuple = declared(BaseType::kTuple, {});
  tuple.elements = {declared(BaseType::kInt, {}), declared(BaseType::kVector, {2})};
  DataValue value;
  value.members = {make_value({}, {1}, true), make_value({2}, {1, 2}, false)};
  EXPECT_EQ(kind(tuple, value), "ok");
  value.members[1] = make_value({3}, {1, 2, 3}, false);
  EXPECT_EQ(kind(tuple, value), "data-shape");
  value.members.pop_back();
  EXPECT_EQ(kind(tuple, value), "data-shape");
  EXPECT_EQ(kind(tuple, make_value({}, {1}, true)), "data-shape");
  EXPECT_EQ(kind(declared(BaseType::kReal, {}), value), "data-type");
}

TEST(BindTest, MissingNamesANeighbour) {
  DataTable table;
  table.set("hieght", make_value({}, {1}, true));
  source::DiagnosticSink sink;
  DeclaredShape shape = declared(BaseType::kReal, {});
  shape.name = "height";
  report_missing(shape, table, sink);
  ASSERT_EQ(sink.num_errors(), 1);
  EXPECT_NE(sink.diagnostics().front().hint.find("`hieght`"), std::string::npos);
}

}  // namespace
}  // namespace vinci::data
