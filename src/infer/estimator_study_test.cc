#include "infer/estimator_study.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "infer/family/full_rank_normal_family.h"
#include "infer/family/mean_field_normal_family.h"
#include "infer/testing/tables.h"
#include "infer/testing/targets.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

const EstimatorRow& row(const EstimatorStudy& study, const std::string& name) {
  for (const EstimatorRow& r : study.rows) {
    if (r.name == name) return r;
  }
  ADD_FAILURE() << "no row " << name;
  return study.rows.front();
}

// Under no bias |mean - reference|^2 has mean bias_noise^2 and, of P coordinates that share the
// noise evenly, a relative deviation of sqrt(2 / P); one dominant coordinate gives |z| < 5.
TEST(EstimatorStudy, EveryRowIsUnbiasedAndOrderedAsTheoryHasIt) {
  const auto density = testing::logistic_regression(3, 20);
  const MeanFieldNormalFamily family(3);
  const std::vector<double> lambda = {-0.5, 0, 0.2, -1, -0.8, -1.2};
  EstimatorStudyOptions options;
  options.estimates = 300;
  options.reference_draws = 40'000;
  // The posterior of a regression ties all coefficients: the blanket is the whole density.
  const BlanketFunction blanket = [&](LaneMatrix z, MutableLaneMatrix sums) {
    std::vector<double> value(static_cast<size_t>(z.lanes));
    density.evaluate(z, value, {nullptr, 0, 0, 0});
    for (Index i = 0; i < z.rows; ++i) {
      for (Index l = 0; l < z.lanes; ++l) sums(i, l) = value[static_cast<size_t>(l)];
    }
  };
  const EstimatorStudy study = study_estimators(density, family, lambda, blanket, options);
  EXPECT_EQ(study.num_params, 6);
  EXPECT_GT(study.gradient_norm, 20 * study.gradient_error);
  for (const EstimatorRow& r : study.rows) {
    ASSERT_TRUE(r.measured()) << r.name << ": " << r.obstacle;
    EXPECT_LT(r.bias, 5 * r.bias_noise) << r.name;
    EXPECT_GT(r.seconds, 0) << r.name;
    EXPECT_GE(r.evaluations, 16) << r.name;
    EXPECT_LE(r.largest_variance, r.variance) << r.name;
  }
  const auto variance = [&](const char* name) {
    return row(study, name).variance_per_evaluation();
  };
  EXPECT_LT(10 * variance("pathwise, closed entropy"), variance("score"));
  EXPECT_LT(2 * variance("score, control variate"), variance("score"));
  EXPECT_LT(2 * variance("score, leave one out"), variance("score"));
  EXPECT_LT(variance("pathwise, closed entropy, Sobol"), variance("pathwise, closed entropy"));
  EXPECT_EQ(row(study, "DReG, k = 8").objective, "L_8");
}

TEST(EstimatorStudy, ShowsWhatItMeasured) {
  EstimatorStudy study;
  study.family = "mean-field <normal>";
  study.num_params = 4;
  study.rows.resize(3);
  study.rows[0].name = "noisy";
  study.rows[0].objective = "ELBO";
  study.rows[0].bias = study.rows[0].bias_noise = 0.1;
  study.rows[0].variance = 100;
  study.rows[0].largest_variance = 60;
  study.rows[0].largest_of = "mean[2]";
  study.rows[0].evaluations = 16;
  study.rows[0].seconds = 2e-5;
  study.rows[1] = study.rows[0];
  study.rows[1].name = "quiet";
  study.rows[1].objective = "L_8";
  study.rows[1].variance = 0.01;
  study.rows[2].name = "misfit";
  study.rows[2].objective = "ELBO";
  study.rows[2].obstacle = "it does not fit";
  const std::string table = estimator_table(study);
  EXPECT_LT(table.find("quiet (L_8)"), table.find("noisy"));
  EXPECT_NE(table.find("1.600e+03"), std::string::npos);
  EXPECT_NE(table.find("left out: misfit: it does not fit"), std::string::npos);
  const std::string plot = estimator_plot(study, false);
  // The axis runs from 0.1 to 1e4: quiet at 0.16, noisy at 1600.
  EXPECT_NE(plot.find("1e-1"), std::string::npos);
  const size_t quiet = plot.find("quiet"), noisy = plot.find("noisy");
  ASSERT_NE(quiet, std::string::npos);
  const auto length = [&](size_t line) { return plot.find('o', plot.find("  ", line)) - line; };
  EXPECT_GT(length(noisy), length(quiet) + 30);
  const std::string svg = estimator_svg(study);
  EXPECT_EQ(svg.rfind("<svg", 0), 0u);
  EXPECT_NE(svg.find("mean-field &lt;normal>"), std::string::npos);
  EXPECT_EQ(svg.find("misfit"), std::string::npos);
  const auto json = nlohmann::json::parse(estimator_json(study));
  EXPECT_EQ(json["estimators"][0]["variance_per_evaluation"], 1600);
  EXPECT_EQ(json["estimators"][2]["left_out"], "it does not fit");
}

TEST(EstimatorStudy, FullRankLeavesOutWhatIsForMeanFields) {
  const auto density = testing::banana(0.3);
  const FullRankNormalFamily family(2);
  EstimatorStudyOptions options;
  options.estimates = 20;
  options.reference_draws = 1000;
  const EstimatorStudy study =
      study_estimators(density, family, std::vector<double>{0, 0, 0, 0, 0}, {}, options);
  EXPECT_FALSE(row(study, "Hessian control variate").measured());
  EXPECT_TRUE(row(study, "sticking the landing").measured());
}

TEST(EstimatorStudy, BadOptionsAreNamed) {
  const auto density = testing::banana(0.3);
  const MeanFieldNormalFamily family(2);
  const std::vector<double> lambda = {0, 0, 0, 0};
  EstimatorStudyOptions options;
  options.draws = 0;
  EXPECT_THROW(study_estimators(density, family, lambda, {}, options), Error);
  options = {};
  options.bound_draws = 1;
  EXPECT_THROW(study_estimators(density, family, lambda, {}, options), Error);
  options = {};
  EXPECT_THROW(study_estimators(density, family, std::vector<double>{0, 0}, {}, options), Error);
}

TEST(EstimatorStudy, DiscreteEstimatorsSideBySide) {
  const testing::TableDensity density(1, std::vector<DiscreteStates>(5), 4);
  const testing::TableDensity::Relaxed relaxed(density);
  const MixedFamily family = density.family();
  std::vector<double> lambda(static_cast<size_t>(family.num_params()), 0.3);
  EstimatorStudyOptions options;
  options.reference_draws = 20000;
  const EstimatorStudy study =
      study_discrete_estimators(density, family, lambda, density.blankets(), &relaxed, options);
  EXPECT_EQ(study.rows.size(), 14u);
  const auto row = [&](const std::string& name) {
    for (const EstimatorRow& r : study.rows) {
      if (r.name == name) return r;
    }
    ADD_FAILURE() << name;
    return EstimatorRow{};
  };
  for (const EstimatorRow& r : study.rows) {
    EXPECT_TRUE(r.measured()) << r.name << ": " << r.obstacle;
    if (r.name.find("biased") != std::string::npos) continue;
    EXPECT_LT(r.bias, 4 * r.bias_noise) << r.name;
  }
  EXPECT_GT(row("Concrete, t = 1 (biased)").bias, row("Concrete, t = 0.1 (biased)").bias);
  // Two states of two colours for each draw, and the draw itself.
  EXPECT_EQ(row("local expectation").evaluations, 5 * 16);
  EXPECT_EQ(row("score, Rao-Blackwell").evaluations, 2 * 16);
  EXPECT_LT(row("local expectation").variance, row("score, Rao-Blackwell, leave one out").variance);
  EXPECT_EQ(row("VIMCO, k = 8").objective, "L_8");
}

}  // namespace
}  // namespace vinci::infer
