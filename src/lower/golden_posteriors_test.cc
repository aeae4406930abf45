// Every posterior of the shared collection whose program is in tests/posteriors/programs: the
// traced density, evaluated by the scalar reference, against what Stan computes (golden.json).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "check/check.h"
#include "data/json.h"
#include "graph/graph.h"
#include "lower/lower.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::lower {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Where Stan's own numbers are less exact: programs that solve differential equations are golden
/// only to the tolerance that they ask of the solver.
struct Tolerance {
  double lp = 1e-8;
  double grad = 1e-8;
  double constrained = 1e-10;
  bool only_non_random = false;
};
Tolerance tolerance_of(const std::string& program) {
  static const std::map<std::string, Tolerance> kLoose = {
      {"lotka_volterra", {1e-2, 2e-1, 1e-2, true}},
      {"soil_incubation", {4e-6, 1e-3, 1e-4, true}},
      {"sir", {1e-5, 1e-3, 1e-4, true}},
      {"one_comp_mm_elim_abs", {1e-5, 1e-3, 1e-4, true}},
      // The derivative of Stan's bernoulli_logit has the wrong sign where a success is more than
      // e^20 times likelier than a failure: off by 2 e^-20 |alpha| an observation. Ours agrees with
      // the formula to all digits there.
      {"hier_2pl", {1e-8, 1e-6, 1e-10, false}},
  };
  const auto found = kLoose.find(program);
  return found == kLoose.end() ? Tolerance{} : found->second;
}

double number(const json& x) {
  if (x.is_number()) return x.get<double>();
  const auto text = x.get<std::string>();
  if (text == "inf" || text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-inf" || text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

std::vector<double> numbers(const json& list) {
  std::vector<double> out;
  for (const json& x : list) out.push_back(number(x));
  return out;
}

/// Relative, but absolute where the expected value is small.
bool is_close(double got, double expected, double tolerance, double scale = 0) {
  if (got == expected) return true;
  return std::fabs(got - expected) <= tolerance * std::max({1.0, std::fabs(expected), scale});
}

std::vector<std::string> posterior_names() {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry :
       fs::directory_iterator(fs::path(VINCI_SHARED_DIR) / "posteriors", failed)) {
    if (fs::exists(entry.path() / "golden.json")) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class GoldenPosterior : public testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GoldenPosterior);

TEST_P(GoldenPosterior, MatchesStan) {
  const fs::path folder = fs::path(VINCI_SHARED_DIR) / "posteriors" / GetParam();
  std::ifstream golden_file(folder / "golden.json");
  const json golden = json::parse(golden_file);
  const std::string program_name = golden["program"];
  const fs::path program_path =
      fs::path(VINCI_SOURCE_DIR) / "tests/posteriors/programs" / (program_name + ".stan");
  if (!fs::exists(program_path)) GTEST_SKIP() << "no program " << program_path;

  source::SourceMap sources;
  source::DiagnosticSink sink;
  const auto failure = [&] { return source::render_text(sink, sources); };
  const auto program_file = sources.add_from_path(program_path, source::kMaxProgramBytes, sink);
  ASSERT_TRUE(program_file.valid());
  syntax::Program program = syntax::parse(program_file, sources, sink);
  ASSERT_FALSE(sink.has_errors()) << failure();
  const auto typed = check::check(std::move(program), sink);
  ASSERT_TRUE(typed.has_value()) << failure();
  const auto data_file = sources.add_from_path(folder / "data.json", source::kMaxDataBytes, sink);
  const data::DataTable table = data::read_json(data_file, sources, sink);
  ASSERT_FALSE(sink.has_errors()) << failure();
  const auto lowered = lower(*typed, table, {}, sink);
  ASSERT_TRUE(lowered.has_value()) << failure();

  EXPECT_EQ(lowered->num_unconstrained, golden["dim"].get<int64_t>());
  const auto expected_names = golden["constrained_names"].get<std::vector<std::string>>();
  // The first 3000 names are kept.
  ASSERT_GE(lowered->constrained_names.size(), expected_names.size());
  EXPECT_TRUE(
      std::equal(expected_names.begin(), expected_names.end(), lowered->constrained_names.begin()));
  if (HasFailure()) return;

  const Tolerance tolerance = tolerance_of(program_name);
  int index = -1;
  for (const json& point : golden["points"]) {
    ++index;
    const std::string where =
        fmt::format("point {} ({})", index, point["source"].get<std::string>());
    const bool is_random = point["source"] == "random";
    const std::vector<double> theta = numbers(point["theta_unc"]);
    const auto result = graph::reference_evaluate(lowered->graph, theta, lowered->constrained);
    const double lp = number(point["lp"]);
    if (tolerance.only_non_random && is_random) continue;
    if (point.contains("error") || !std::isfinite(lp)) {
      EXPECT_EQ(result.log_density, -std::numeric_limits<double>::infinity()) << where;
      continue;
    }
    EXPECT_TRUE(is_close(result.log_density, lp, tolerance.lp))
        << fmt::format("{}: lp {:.17g}, Stan {:.17g}", where, result.log_density, lp);
    const double lp_nojac = number(point["lp_nojac"]);
    EXPECT_TRUE(is_close(result.log_density_no_jacobian, lp_nojac, tolerance.lp))
        << fmt::format("{}: lp without Jacobian {:.17g}, Stan {:.17g}", where,
                       result.log_density_no_jacobian, lp_nojac);
    const std::vector<double> grad = numbers(point["grad"]);
    int shown = 0;
    for (size_t k = 0; k < grad.size() && shown < 5; ++k) {
      if (std::isnan(grad[k])) continue;  // Stan's own gradient is not a number
      if (is_close(result.gradient[k], grad[k], tolerance.grad)) continue;
      ++shown;
      ADD_FAILURE() << fmt::format("{}: gradient[{}] ({}) {:.17g}, Stan {:.17g}", where, k,
                                   lowered->unconstrained_names[k], result.gradient[k], grad[k]);
    }
    const std::vector<double> constrained = numbers(point["constrained"]);
    for (size_t k = 0; k < constrained.size() && shown < 5; ++k) {
      if (std::isnan(constrained[k]) && std::isnan(result.outputs[k])) continue;
      if (is_close(result.outputs[k], constrained[k], tolerance.constrained)) continue;
      ++shown;
      ADD_FAILURE() << fmt::format("{}: {} {:.17g}, Stan {:.17g}", where, expected_names[k],
                                   result.outputs[k], constrained[k]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, GoldenPosterior, testing::ValuesIn(posterior_names()),
                         [](const auto& param) {
                           std::string name = param.param;
                           for (char& c : name) {
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           }
                           return name;
                         });

TEST(GoldenPosteriors, AreThere) {
  if (posterior_names().empty()) GTEST_SKIP() << "no shared posteriors at " << VINCI_SHARED_DIR;
}

}  // namespace
}  // namespace vinci::lower
