// Programs of posteriordb with their latent variables written out (tests/posteriors/discrete)
// against Stan's numbers for the programs in which they are summed out by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/json.h"
#include "model/model.h"
#include "source/render.h"
#include "syntax/parse.h"

namespace vinci::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<std::string> posteriors() {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry :
       fs::directory_iterator(fs::path(VINCI_SHARED_DIR) / "posteriors", failed)) {
    const std::string name = entry.path().filename();
    const fs::path program = fs::path(VINCI_SOURCE_DIR) / "tests/posteriors/discrete" /
                             (name.substr(name.find('-') + 1) + ".stan");
    if (fs::exists(program)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class DiscretePosterior : public testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DiscretePosterior);

TEST_P(DiscretePosterior, SummedOutByVinciIsSummedOutByHand) {
  const fs::path folder = fs::path(VINCI_SHARED_DIR) / "posteriors" / GetParam();
  std::ifstream golden_file(folder / "golden.json");
  const json golden = json::parse(golden_file);
  const fs::path path = fs::path(VINCI_SOURCE_DIR) / "tests/posteriors/discrete" /
                        (golden["program"].get<std::string>() + ".stan");
  source::SourceMap sources;
  source::DiagnosticSink sink;
  const auto failure = [&] { return source::render_text(sink, sources); };
  auto program =
      syntax::parse(sources.add_from_path(path, source::kMaxProgramBytes, sink), sources, sink);
  auto typed = check::check(std::move(program), sink);
  ASSERT_TRUE(typed) << failure();
  const data::DataTable table = data::read_json(
      sources.add_from_path(folder / "data.json", source::kMaxDataBytes, sink), sources, sink);
  const auto model =
      Model::build(std::make_shared<const check::TypedProgram>(std::move(*typed)), table, {}, sink);
  ASSERT_TRUE(model) << failure();
  ASSERT_EQ(model->dim(), golden["dim"].get<Index>());
  EXPECT_FALSE(model->describe_elimination().empty());
  int compared = 0;
  for (const json& point : golden["points"]) {
    if (!point["lp"].is_number() || point.contains("error")) continue;
    const auto theta = point["theta_unc"].get<std::vector<double>>();
    double value = 0;
    std::vector<double> gradient(theta.size());
    model->evaluate({theta.data(), model->dim(), 1, 1}, {&value, 1},
                    {gradient.data(), model->dim(), 1, 1});
    const double expected = point["lp"].get<double>();
    EXPECT_NEAR(value, expected, 1e-8 * std::max(1.0, std::abs(expected)));
    for (size_t k = 0; k < gradient.size(); ++k) {
      if (!point["grad"][k].is_number()) continue;
      const double slope = point["grad"][k].get<double>();
      EXPECT_NEAR(gradient[k], slope, 1e-8 * std::max(1.0, std::abs(slope))) << k;
    }
    ++compared;
  }
  EXPECT_GE(compared, 2);
}

INSTANTIATE_TEST_SUITE_P(Shared, DiscretePosterior, testing::ValuesIn(posteriors()),
                         [](const auto& param) {
                           std::string name = param.param;
                           for (char& c : name) {
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace vinci::model
