#include "infer/family/serialise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "infer/dense.h"
#include "infer/family/full_rank_normal.h"
#include "infer/family/low_rank_normal.h"
#include "infer/family/mean_field_normal.h"
#include "infer/family/mixture.h"
#include "infer/family/normal_of.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

constexpr Index kAll = 1 << 20;

std::shared_ptr<const FullRankNormal> full(double shift) {
  return std::make_shared<FullRankNormal>(
      std::vector<double>{shift, -1.0 / 3, 1e-300},
      std::vector<double>{0.1, 0, 0, -2, 1e10, 0, 0.7, 1e-8, 2.0 / 3});
}

LowRankNormal low() {
  const double h = std::sqrt(0.5);
  return {{1, 2, 3}, {0.1, 10, 4}, {h, h, 0}, {2.5}};
}

/// Draws with the same key are the same bits, whatever q went through.
void expect_same(const Family& a, const Family& b) {
  ASSERT_EQ(a.dim(), b.dim());
  EXPECT_EQ(a.describe(), b.describe());
  Matrix x(a.dim(), 50), y(a.dim(), 50);
  std::vector<double> p(50), q(50);
  a.draw({7, 1}, 0, 0, mutable_lanes(x), p);
  b.draw({7, 1}, 0, 0, mutable_lanes(y), q);
  EXPECT_EQ(x, y);
  EXPECT_EQ(p, q);
}

TEST(Serialise, EveryFamilyComesBackToTheBit) {
  const Mixture mixture({full(1), full(5)}, {0.25, 0.75});
  expect_same(*family_from_json(to_json(*full(0.3), kAll)), *full(0.3));
  const MeanFieldNormal product({1.0 / 3, 1e-5}, {0.1, 3e7});
  expect_same(*family_from_json(to_json(product, kAll)), product);
  expect_same(*family_from_json(to_json(low(), kAll)), low().to_full_rank());
  expect_same(*family_from_json(to_json(mixture, kAll)), mixture);
  EXPECT_EQ(to_json(mixture, kAll).find('\n'), std::string::npos);
}

/// A family that has no row.
class Cube final : public Family {
 public:
  Index dim() const override { return 2; }
  std::string describe() const override { return "cube"; }
  void draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane, MutableLaneMatrix points,
            std::span<double> log_q) const override {
    numeric::fill_uniform(key, step, first_lane, 2, points.lanes, points.data, points.stride);
    for (Index l = 0; l < points.lanes; ++l) points(1, l) = points(0, l) + 2 * points(1, l);
    std::fill(log_q.begin(), log_q.end(), -std::log(2));
  }
  void log_q(LaneMatrix, std::span<double> log_q) const override {
    std::fill(log_q.begin(), log_q.end(), -std::log(2));
  }
  double entropy() const override { return std::log(2); }
};

TEST(Serialise, OthersAndLargeOnesLeaveTheirMarginals) {
  const std::string text = to_json(*full(1), 2);
  EXPECT_NE(text.find(R"("stands_for":"full-rank normal")"), std::string::npos) << text;
  const auto q = std::dynamic_pointer_cast<const MeanFieldNormal>(family_from_json(text));
  ASSERT_TRUE(q);
  EXPECT_EQ(q->mean(), full(1)->mean());
  for (Index i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(q->sd()[static_cast<size_t>(i)], full(1)->marginal_sd(i));
  }
  const auto cube =
      std::dynamic_pointer_cast<const MeanFieldNormal>(family_from_json(to_json(Cube(), kAll)));
  ASSERT_TRUE(cube);
  // 4000 draws of a uniform: five standard errors.
  EXPECT_NEAR(cube->mean()[0], 0.5, 5 * std::sqrt(1 / 12.0 / 4000));
  EXPECT_NEAR(cube->sd()[0], std::sqrt(1 / 12.0), 0.01);
}

TEST(Serialise, WrongTextSaysWhatIsWrong) {
  const auto message = [](const std::string& text) -> std::string {
    try {
      family_from_json(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
           {"", "not JSON"},
           {"[1]", "not an object"},
           {"{}", "no `kind`"},
           {R"({"kind": 3})", "must be one of mean-field normal"},
           {R"({"kind": "mean-field normal"})", "no `mean`"},
           {R"({"kind": "mean-field normal", "mean": 1, "sd": [1]})", "`mean`"},
           {R"({"kind": "mean-field normal", "mean": [1, 2], "sd": [1]})", "`sd`"},
           {R"({"kind": "mean-field normal", "mean": [1], "sd": [0]})", "positive"},
           {R"({"kind": "mean-field normal", "mean": [null], "sd": [1]})", "finite"},
           {R"({"kind": "mean-field normal", "mean": [], "sd": []})", "no coordinates"},
           {R"({"kind": "full-rank normal", "mean": [1, 1], "factor": [1, 2]})", "3 belong"},
           {R"({"kind": "full-rank normal", "mean": [1, 1], "factor": [1, 2, -1]})", "diagonal"},
           {R"({"kind": "mixture", "weights": [1], "components": []})", "no list"},
           {R"({"kind": "mixture", "weights": [-1], "components": [{}]})", "negative"},
           {R"({"kind": "mixture", "weights": [1], "components": [{"kind": "mixture"}]})",
            "no `weights`"}}) {
    EXPECT_NE(message(text).find(part), std::string::npos) << text << ": " << message(text);
  }
}

TEST(NormalOf, MarginalKeepsTheCovarianceOfWhatIsKept) {
  const FullRankNormal q({1, 2, 3}, {1, 0, 0, 2, 3, 0, 4, 5, 6});
  const FullRankNormal m = marginal_of(q, {2, 0});
  EXPECT_EQ(m.mean(), (std::vector<double>{3, 1}));
  EXPECT_NEAR(m.marginal_sd(0), std::sqrt(16 + 25 + 36), 1e-12);
  EXPECT_NEAR(m.marginal_sd(1), 1, 1e-12);
  EXPECT_NEAR(m.factor()[0] * m.factor()[2], 4, 1e-12);  // the covariance
}

TEST(NormalOf, AnyFamilyHasOne) {
  const FullRankNormal cube = full_rank_normal_of(Cube());
  EXPECT_NEAR(cube.mean()[1], 1.5, 5 * std::sqrt(5 / 12.0 / 4000));
  // Cov(u, u + 2 v) = 1/12; a covariance from 4000 draws of bounded variables.
  EXPECT_NEAR(cube.factor()[0] * cube.factor()[2], 1 / 12.0, 0.01);
  const Mixture mixture({full(1), full(5)}, {0.2, 0.8});
  EXPECT_EQ(full_rank_normal_of(mixture).mean()[0], 5);
  EXPECT_EQ(mean_field_normal_of(mixture).mean()[0], 5);
  EXPECT_NEAR(mean_field_normal_of(low()).sd()[2], 2, 1e-12);
}

}  // namespace
}  // namespace vinci::infer
