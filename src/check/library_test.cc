#include "check/library.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>

namespace vinci::check {
namespace {

using syntax::BaseType;
using syntax::Type;

/// `array[,] real` and so on; tuples are not needed here.
Type parse_type(std::string text) {
  static const std::pair<const char*, BaseType> kBases[] = {
      {"int", BaseType::kInt},
      {"real", BaseType::kReal},
      {"complex", BaseType::kComplex},
      {"vector", BaseType::kVector},
      {"row_vector", BaseType::kRowVector},
      {"matrix", BaseType::kMatrix},
      {"complex_vector", BaseType::kComplexVector},
      {"complex_row_vector", BaseType::kComplexRowVector},
      {"complex_matrix", BaseType::kComplexMatrix},
  };
  int depth = 0;
  if (text.starts_with("array[")) {
    const size_t end = text.find(']');
    depth = static_cast<int>(end - std::string("array[").size()) + 1;
    text = text.substr(end + 2);
  }
  for (const auto& [name, base] : kBases) {
    if (text == name) return Type::array(base, depth);
  }
  ADD_FAILURE() << "no type " << text;
  return {};
}

/// Arguments separated by "; ", `param` in front of one that depends on parameters.
std::vector<Argument> arguments(std::string text) {
  std::vector<Argument> list;
  while (!text.empty()) {
    const size_t end = text.find("; ");
    std::string one = text.substr(0, end);
    text = end == std::string::npos ? "" : text.substr(end + 2);
    Argument argument;
    if (one.starts_with("param ")) {
      argument.is_data = false;
      one = one.substr(6);
    }
    argument.type = parse_type(one);
    list.push_back(argument);
  }
  return list;
}

std::string result(const char* name, const char* text) {
  const Match match = match_library(name, arguments(text));
  return match.status == Match::Status::kFound ? to_string(match.return_type) : "none";
}

struct Case {
  const char* name;
  const char* arguments;
  const char* result;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name << "(" << c.arguments << ")"; }

std::string test_name(const testing::TestParamInfo<Case>& test) {
  return std::string(test.param.name) + "_" + std::to_string(test.index);
}

class Signatures : public testing::TestWithParam<Case> {};

TEST_P(Signatures, Result) {
  EXPECT_EQ(result(GetParam().name, GetParam().arguments), GetParam().result)
      << testing::PrintToString(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Elementwise, Signatures,
    testing::Values(
        Case{"exp", "int", "real"}, Case{"exp", "vector", "vector"},
        Case{"exp", "array[,] int", "array[,] real"},
        Case{"exp", "array[,,] matrix", "array[,,] matrix"}, Case{"exp", "complex", "complex"},
        Case{"exp", "complex_vector", "none"}, Case{"abs", "int", "int"},
        Case{"abs", "array[] complex_matrix", "array[] matrix"},
        Case{"fmax", "real; array[] vector", "array[] vector"},
        Case{"fmax", "vector; row_vector", "none"},
        Case{"fmax", "array[] int; array[] real", "array[] real"},
        Case{"fma", "real; vector; real", "vector"},
        Case{"fma", "array[] real; real; real", "none"}, Case{"pow", "vector; real", "vector"},
        Case{"pow", "complex; real", "complex"}, Case{"choose", "int; array[] int", "array[] int"},
        Case{"choose", "real; int", "none"}, Case{"ldexp", "vector; array[] int", "vector"},
        Case{"ldexp", "vector; array[,] int", "none"},
        Case{"ldexp", "real; array[] int", "array[] real"},
        Case{"bessel_first_kind", "array[,] int; matrix", "matrix"}, Case{"log10", "", "real"},
        Case{"to_complex", "vector; real", "complex_vector"}),
    test_name);

INSTANTIATE_TEST_SUITE_P(
    Containers, Signatures,
    testing::Values(Case{"multiply", "matrix; vector", "vector"},
                    Case{"multiply", "row_vector; vector", "real"},
                    Case{"multiply", "vector; vector", "none"},
                    Case{"multiply", "int; matrix", "matrix"},
                    Case{"multiply", "matrix; complex_vector", "complex_vector"},
                    Case{"add", "int; int", "int"}, Case{"add", "vector; array[] real", "none"},
                    Case{"head", "array[,] int; int", "array[,] int"},
                    Case{"rep_array", "array[] vector; int; int", "array[,,] vector"},
                    Case{"append_array", "array[] int; array[] real", "array[] real"},
                    Case{"append_array", "array[] int; array[] vector", "none"},
                    Case{"to_array_1d", "array[,,] int", "array[] int"},
                    Case{"dims", "array[] matrix", "array[] int"},
                    Case{"simplex_constrain", "array[,] vector", "array[,] vector"},
                    Case{"cholesky_factor_corr_constrain", "array[] vector; int", "array[] matrix"},
                    Case{"svd", "matrix", "tuple(matrix, vector, matrix)"},
                    Case{"size", "int", "int"}, Case{"log_mix", "vector; array[] vector", "real"},
                    Case{"gp_exp_quad_cov", "array[] vector; real; array[] real", "matrix"}),
    test_name);

INSTANTIATE_TEST_SUITE_P(
    Densities, Signatures,
    testing::Values(Case{"normal_lpdf", "vector; int; array[] real", "real"},
                    Case{"normal_lupdf", "real; real; real", "real"},
                    Case{"normal_lpmf", "real; real; real", "none"},
                    Case{"normal_lpdf", "vector; matrix; real", "none"},
                    Case{"normal_lccdf", "array[] int; vector; real", "real"},
                    Case{"normal_rng", "int; real", "real"},
                    Case{"normal_rng", "vector; real", "array[] real"},
                    Case{"poisson_rng", "row_vector", "array[] int"},
                    Case{"poisson_lpmf", "real; real", "none"},
                    Case{"poisson_log_cdf", "int; real", "none"},
                    Case{"multi_normal_lpdf", "array[] vector; row_vector; matrix", "real"},
                    Case{"multi_normal_rng", "array[] vector; matrix", "array[] vector"},
                    Case{"std_normal_rng", "", "real"},
                    Case{"bernoulli_logit_glm_lpmf", "array[] int; matrix; real; vector", "real"},
                    Case{"ordered_logistic_lpmf", "array[] int; vector; array[] vector", "real"},
                    Case{"wiener_lpdf", "vector; real; real; vector; real", "real"},
                    Case{"hypergeometric_lcdf", "int; int; int; int", "none"}),
    test_name);

TEST(Library, NamesTheFirstArgumentThatDoesNotFit) {
  const Match match = match_library("normal_lpdf", arguments("vector; matrix; real"));
  EXPECT_EQ(match.status, Match::Status::kArgumentType);
  EXPECT_EQ(match.argument, 1);
  EXPECT_EQ(match.expected, "real, vector, row_vector or array of real");
  ASSERT_EQ(match.candidates.size(), 1u);
  EXPECT_EQ(match.candidates.front(), "normal_lpdf(reals | reals, reals) => real");
}

TEST(Library, NamesTheCountsThatItKnows) {
  const Match match = match_library("rep_matrix", arguments("real; int; int; int"));
  EXPECT_EQ(match.status, Match::Status::kArgumentCount);
  EXPECT_EQ(match.expected, "2 or 3 arguments");
  EXPECT_LE(match.candidates.size(), 5u);
}

TEST(Library, HoldsDataOnlyArguments) {
  EXPECT_EQ(match_library("to_int", arguments("real")).status, Match::Status::kFound);
  EXPECT_EQ(match_library("to_int", arguments("param real")).status, Match::Status::kDataOnly);
  EXPECT_EQ(match_library("quantile", arguments("vector; param real")).argument, 1);
}

TEST(Library, SaysWhetherItPromoted) {
  EXPECT_FALSE(match_library("normal_lpdf", arguments("real; real; real")).promoted);
  EXPECT_TRUE(match_library("normal_lpdf", arguments("real; int; real")).promoted);
  EXPECT_FALSE(match_library("exp", arguments("int")).promoted);
  EXPECT_TRUE(match_library("to_vector", arguments("complex_vector")).status ==
              Match::Status::kFound);
}

TEST(Library, ErrorsFitAnywhere) {
  const Argument wrong{Type{}, false};
  const std::vector<Argument> list{wrong, wrong, wrong};
  EXPECT_EQ(match_library("normal_lpdf", list).status, Match::Status::kFound);
}

TEST(Library, UnknownNames) {
  EXPECT_EQ(match_library("normal", {}).status, Match::Status::kUnknownName);
  EXPECT_FALSE(is_library_function("norml_lpdf"));
  EXPECT_TRUE(is_library_density("normal"));
  EXPECT_FALSE(is_library_density("exp"));
  EXPECT_EQ(find_higher_order("ode_rk46"), nullptr);
}

TEST(Library, NamesAreSortedAndDistinct) {
  const auto& names = library_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_GE(names.size(), 600u);
  EXPECT_GE(density_names().size(), 68u);
  for (const std::string& name : names) EXPECT_TRUE(is_library_function(name)) << name;
}

/// Every signature of the table is made of the letters that its head explains.
TEST(Library, RowsAreWellFormed) {
  const std::string letters = "irzvwmVWMaTefcgjkRIPLGHXJY!*(),>";
  const auto check_row = [&](const std::string& name, const std::string& text) {
    for (char c : text)
      EXPECT_TRUE(c == ' ' || letters.find(c) != std::string::npos) << name << ": " << text;
    EXPECT_EQ(text.find("  "), std::string::npos) << name;
    EXPECT_FALSE(name.empty());
  };
  const auto each_has_result = [&](const std::string& name, const std::string& text) {
    check_row(name, text);
    std::string rest = text;
    while (!rest.empty()) {
      const size_t blank = rest.find(' ');
      const std::string one = rest.substr(0, blank);
      EXPECT_EQ(std::count(one.begin(), one.end(), '>'), 1) << name << ": " << one;
      rest = blank == std::string::npos ? "" : rest.substr(blank + 1);
    }
  };
#define VINCI_FUNCTION(name, signatures) each_has_result(name, signatures);
#define VINCI_DENSITY(name, kind, more, arguments) check_row(name, arguments);
#define VINCI_HIGHER_ORDER(name, callback, arguments, result, variadic) \
  each_has_result(name, callback);                                      \
  check_row(name, arguments);                                           \
  check_row(name, result);
#include "check/library.def"
}

TEST(Suffixes, AreTheLongest) {
  EXPECT_EQ(suffix_of("normal_lpdf"), Suffix::kLpdf);
  EXPECT_EQ(suffix_of("normal_lccdf"), Suffix::kLccdf);
  EXPECT_EQ(suffix_of("normal_cdf"), Suffix::kCdf);
  EXPECT_EQ(suffix_of("_lpdf"), Suffix::kNone);
  EXPECT_EQ(suffix_of("help"), Suffix::kNone);
  EXPECT_EQ(without_suffix("foo_rng"), "foo");
  EXPECT_EQ(without_suffix("foo"), "foo");
}

TEST(Signature, BindsTheSameLetterOnce) {
  const auto matches = [](const char* signature, const char* text) {
    return match_signature(signature, arguments(text)).argument;
  };
  EXPECT_EQ(matches("aT,aT>T", "array[] int; array[,] int"), 1);
  EXPECT_EQ(matches("aT,aT>T", "array[] int; array[] int"), -1);
  EXPECT_EQ(matches("v*,m*>v*", "array[] vector; matrix"), 1);
  EXPECT_EQ(matches("v,v>r", "vector"), kCountDiffers);
}

}  // namespace
}  // namespace vinci::check
