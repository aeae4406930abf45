#include "model/blankets.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "check/check.h"
#include "data/json.h"
#include "source/source_file.h"
#include "syntax/parse.h"

namespace vinci::model {
namespace {

struct Built {
  source::SourceMap sources;
  source::DiagnosticSink sink;
  std::unique_ptr<Model> model;
};

std::unique_ptr<Built> build(const std::string& program, const std::string& json) {
  auto built = std::make_unique<Built>();
  const auto file = built->sources.add("m.stan", program);
  auto checked = check::check(syntax::parse(file, built->sources, built->sink, {}), built->sink);
  if (!checked) return built;
  const auto typed = std::make_shared<const check::TypedProgram>(std::move(*checked));
  const auto data =
      data::read_json(built->sources.add("d.json", json), built->sources, built->sink);
  built->model = Model::build(typed, data, {}, built->sink);
  return built;
}

// The derivative of the whole density along coordinate i is that of its blanket: both change by the
// same amount when only coordinate i moves.
void expect_blankets_carry_all_changes(const Model& model) {
  const Blankets blankets(model);
  const Index dim = model.dim();
  ASSERT_EQ(blankets.dim(), dim);
  for (Index i = 0; i < dim; ++i) {
    std::vector<double> points(static_cast<size_t>(2 * dim));
    for (Index d = 0; d < dim; ++d) {
      points[static_cast<size_t>(2 * d)] = points[static_cast<size_t>(2 * d + 1)] =
          0.3 * std::sin(1.0 + static_cast<double>(d));
    }
    points[static_cast<size_t>(2 * i + 1)] += 0.7;
    std::vector<double> value(2), sums(static_cast<size_t>(2 * dim));
    const LaneMatrix at{points.data(), dim, 2, 2};
    model.evaluate(at, value, {nullptr, 0, 0, 0});
    blankets.evaluate(at, {sums.data(), dim, 2, 2});
    const double change = value[1] - value[0];
    const auto row = static_cast<size_t>(2 * i);
    EXPECT_NEAR(sums[row + 1] - sums[row], change, 1e-10 * (1 + std::abs(change))) << i;
  }
}

constexpr const char* kHierarchy = R"(data { int J; vector[J] y; }
parameters { real mu; real<lower=0> tau; vector[J] theta; simplex[3] w; }
model {
  mu ~ normal(0, 5);
  tau ~ cauchy(0, 5);
  theta ~ normal(mu, tau);
  y ~ normal(theta, 2);
  w ~ dirichlet([2, 3, 4]');
})";

TEST(Blankets, CarryEveryChangeOfTheDensity) {
  const auto built = build(kHierarchy, R"({"J": 4, "y": [1, 2, -1, 0.5]})");
  ASSERT_TRUE(built->model);
  expect_blankets_carry_all_changes(*built->model);
}

TEST(Blankets, LeaveOutWhatDoesNotDepend) {
  const auto built = build(kHierarchy, R"({"J": 4, "y": [1, 2, -1, 0.5]})");
  ASSERT_TRUE(built->model);
  const Blankets blankets(*built->model);
  // theta[1] meets its prior and its datum; mu meets all thetas.
  EXPECT_LT(blankets.num_terms_of(2), blankets.num_terms());
  EXPECT_GT(blankets.num_terms_of(0), blankets.num_terms_of(2));
  // Moving theta[2] leaves the blanket of theta[1] and of the simplex alone.
  const Index dim = blankets.dim();
  std::vector<double> points(static_cast<size_t>(2 * dim), 0.1), sums(points.size());
  points[2 * 3 + 1] = 0.9;
  blankets.evaluate({points.data(), dim, 2, 2}, {sums.data(), dim, 2, 2});
  EXPECT_EQ(sums[2 * 2], sums[2 * 2 + 1]);
  EXPECT_EQ(sums[2 * 6], sums[2 * 6 + 1]);
  EXPECT_NE(sums[0], sums[1]);
  EXPECT_NE(sums[2 * 3], sums[2 * 3 + 1]);
}

TEST(Blankets, ManyCoordinatesAndArrayFunctions) {
  const auto wide = build(
      "parameters { vector[70] x; } model { x[1] ~ normal(0, 1); x[2:70] ~ normal(x[1:69], 1); }",
      "{}");
  ASSERT_TRUE(wide->model);
  expect_blankets_carry_all_changes(*wide->model);
  const auto dense = build(R"(data { vector[3] y; }
parameters { real<lower=0> a; real<lower=0> s; vector[3] m; }
model {
  matrix[3, 3] K = add_diag(rep_matrix(square(a), 3, 3), square(s));
  m ~ normal(0, 1);
  a ~ normal(0, 1);
  s ~ normal(0, 1);
  y ~ multi_normal(m, K);
})",
                           R"({"y": [1, 2, 3]})");
  ASSERT_TRUE(dense->model);
  expect_blankets_carry_all_changes(*dense->model);
}

}  // namespace
}  // namespace vinci::model
