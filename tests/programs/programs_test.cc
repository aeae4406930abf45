// The test programs of this folder through the stages of the compiler: `good` ones are checked, run
// and differentiated, `legacy` ones get their warnings, `bad` ones their one error. README.md says
// what their first lines mean.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "check/check.h"
#include "data/json.h"
#include "graph/graph.h"
#include "lower/lower.h"
#include "numeric/random/random_stream.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci {
namespace {

namespace fs = std::filesystem;

fs::path folder(const std::string& name) {
  return fs::path(VINCI_SOURCE_DIR) / "tests/programs" / name;
}

std::vector<std::string> programs(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder(name))) {
    if (entry.path().extension() == ".stan") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// One program with all that was said about it.
struct Compiled {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  std::optional<check::TypedProgram> typed;

  explicit Compiled(const fs::path& path) {
    const auto file = sources.add_from_path(path, source::kMaxProgramBytes, sink);
    if (!file.valid()) return;
    syntax::Program program = syntax::parse(file, sources, sink);
    if (!sink.has_errors()) typed = check::check(std::move(program), sink);
  }

  std::string said() const { return source::render_text(sink, sources); }

  /// Data from the file beside the program; none where there is no such file.
  data::DataTable read_data(fs::path path) {
    path.replace_extension(".json");
    const auto file = fs::exists(path) ? sources.add_from_path(path, source::kMaxDataBytes, sink)
                                       : sources.add("no data", "{}");
    return data::read_json(file, sources, sink);
  }
};

double log_density(const graph::Graph& graph, std::vector<double> theta, size_t k, double step) {
  theta[k] += step;
  return graph::reference_evaluate(graph, theta).log_density;
}

/// Densities that a solver with adaptive steps gives jump by its tolerance.
double gradient_tolerance(const std::string& program) {
  return program == "differential_equations" || program == "integrate_ode_function" ? 1e-2 : 1e-6;
}

/// The gradient against differences of fourth order, whose error is about 1e-9 here.
void expect_gradient(const lower::Lowered& lowered, const std::vector<double>& theta,
                     const graph::ReferenceResult& result, double tolerance) {
  constexpr double kStep = 1e-3;
  for (size_t k = 0; k < theta.size(); ++k) {
    const auto at = [&](double steps) {
      return log_density(lowered.graph, theta, k, steps * kStep);
    };
    const double expected = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * kStep);
    EXPECT_NEAR(result.gradient[k], expected, tolerance * (1 + std::fabs(expected)))
        << lowered.unconstrained_names[k];
  }
}

/// Runs transformed data, evaluates the density at seeded points and the generated quantities
/// there.
void run(const fs::path& path, Compiled& compiled) {
  const data::DataTable table = compiled.read_data(path);
  const auto lowered = lower::lower(*compiled.typed, table, {}, compiled.sink);
  ASSERT_TRUE(lowered.has_value()) << compiled.said();
  numeric::RandomStream random(20240501);
  lower::GeneratedQuantities generated(*compiled.typed, *lowered);
  for (int point = 0; point < 3; ++point) {
    std::vector<double> theta(static_cast<size_t>(lowered->num_unconstrained));
    for (double& x : theta) x = random.uniform(-1, 1);
    const auto result = graph::reference_evaluate(lowered->graph, theta, lowered->constrained);
    ASSERT_TRUE(std::isfinite(result.log_density)) << fmt::format("point {}", point);
    expect_gradient(*lowered, theta, result, gradient_tolerance(path.stem()));
    std::vector<double> out(generated.names().size());
    const auto failed = generated.evaluate(result.outputs, random, out);
    EXPECT_FALSE(failed.has_value()) << failed->message;
    for (size_t k = 0; k < out.size(); ++k)
      EXPECT_FALSE(std::isnan(out[k])) << generated.names()[k];
  }
}

class GoodProgram : public testing::TestWithParam<std::string> {};
class LegacyProgram : public testing::TestWithParam<std::string> {};
class BadProgram : public testing::TestWithParam<std::string> {};

TEST_P(GoodProgram, Runs) {
  const fs::path path = folder("good") / (GetParam() + ".stan");
  Compiled compiled(path);
  ASSERT_TRUE(compiled.typed.has_value()) << compiled.said();
  run(path, compiled);
}

TEST_P(LegacyProgram, WarnsAndRuns) {
  const fs::path path = folder("legacy") / (GetParam() + ".stan");
  Compiled compiled(path);
  ASSERT_TRUE(compiled.typed.has_value()) << compiled.said();
  // `// warn: kind at line, line; kind at line`, or `nothing`.
  std::string said = "// warn:";
  std::string last;
  for (const source::Diagnostic& diagnostic : compiled.sink.diagnostics()) {
    const std::string kind(source::kind_id(diagnostic.kind));
    const auto line = compiled.sources[diagnostic.span.file].location(diagnostic.span.begin).line;
    said += kind == last ? fmt::format(", {}", line)
                         : fmt::format("{} {} at {}", last.empty() ? "" : ";", kind, line);
    last = kind;
  }
  if (last.empty()) said += " nothing";
  EXPECT_EQ(said, first_line(path)) << compiled.said();
  run(path, compiled);
}

TEST_P(BadProgram, GetsItsError) {
  const fs::path path = folder("bad") / (GetParam() + ".stan");
  Compiled compiled(path);
  EXPECT_FALSE(compiled.typed.has_value());
  std::vector<std::string> errors;
  for (const source::Diagnostic& diagnostic : compiled.sink.diagnostics()) {
    if (diagnostic.severity != source::Severity::kError) continue;
    const auto where = compiled.sources[diagnostic.span.file].location(diagnostic.span.begin);
    errors.push_back(fmt::format("// expect: {} at {}:{}", source::kind_id(diagnostic.kind),
                                 where.line, where.column));
  }
  EXPECT_EQ(errors, std::vector<std::string>{first_line(path)}) << compiled.said();
}

std::string test_name(const testing::TestParamInfo<std::string>& info) { return info.param; }
INSTANTIATE_TEST_SUITE_P(Programs, GoodProgram, testing::ValuesIn(programs("good")), test_name);
INSTANTIATE_TEST_SUITE_P(Programs, LegacyProgram, testing::ValuesIn(programs("legacy")), test_name);
INSTANTIATE_TEST_SUITE_P(Programs, BadProgram, testing::ValuesIn(programs("bad")), test_name);

}  // namespace
}  // namespace vinci
