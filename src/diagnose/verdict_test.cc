#include "diagnose/verdict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "diagnose/rhat.h"
#include "numeric/random/random_stream.h"

namespace vinci::diagnose {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Evidence clean() {
  Evidence e;
  e.dim = 10;
  e.num_judged = 4000;
  e.khat = 0.2;
  e.ess = 3000;
  e.gap = 0.001;
  e.gap_tolerance = 0.01;
  e.num_starts = 8;
  return e;
}

TEST(Verdict, EveryReasonLowersTheGrade) {
  struct Case {
    const char* name;
    std::function<void(Evidence&)> change;
    Grade grade;
  };
  const std::vector<Case> cases = {
      {"nothing", [](Evidence&) {}, Grade::kGood},
      {"negative khat", [](Evidence& e) { e.khat = -kInfinity; }, Grade::kGood},
      {"khat 0.6", [](Evidence& e) { e.khat = 0.6; }, Grade::kUsable},
      {"khat 0.6 of few draws", [](Evidence& e) { e.khat = 0.6, e.khat_threshold = 0.55; },
       Grade::kBad},
      {"khat 0.4 of very few", [](Evidence& e) { e.khat = 0.4, e.khat_threshold = 0.3; },
       Grade::kBad},
      {"khat 0.8", [](Evidence& e) { e.khat = 0.8; }, Grade::kBad},
      {"khat inf", [](Evidence& e) { e.khat = kInfinity; }, Grade::kBad},
      {"khat unknown", [](Evidence& e) { e.khat = std::nan(""); }, Grade::kBad},
      {"gap open", [](Evidence& e) { e.gap = 0.1; }, Grade::kUsable},
      {"gap wide", [](Evidence& e) { e.gap = 5; }, Grade::kBad},
      {"gap unknown", [](Evidence& e) { e.gap = std::nan(""); }, Grade::kGood},
      {"cut off", [](Evidence& e) { e.stopped_early = true; }, Grade::kUsable},
      {"cancelled", [](Evidence& e) { e.cancelled = true; }, Grade::kBad},
      {"second mode", [](Evidence& e) { e.other_modes = {-0.5}; }, Grade::kBad},
      {"adapted mixture", [](Evidence& e) { e.adapted = true; }, Grade::kUsable},
      {"covered second mode", [](Evidence& e) { e.num_modes_covered = 2; }, Grade::kUsable},
      {"tiny second mode", [](Evidence& e) { e.other_modes = {-30}; }, Grade::kGood},
      {"one zero density", [](Evidence& e) { e.num_nonfinite = 1; }, Grade::kGood},
      {"some zero density", [](Evidence& e) { e.num_nonfinite = 20; }, Grade::kUsable},
      {"much zero density", [](Evidence& e) { e.num_nonfinite = 400; }, Grade::kBad},
      {"much zero density, reweighted",
       [](Evidence& e) { e.num_nonfinite = 400, e.reweighted = true; }, Grade::kUsable},
      {"mostly zero density, reweighted",
       [](Evidence& e) { e.num_nonfinite = 2400, e.reweighted = true; }, Grade::kBad},
      {"khat 0.8, chains find the marginals right",
       [](Evidence& e) { e.khat = 0.8, e.chains_ran = e.chains_certify = true; }, Grade::kUsable},
      {"khat 0.8, chains do not", [](Evidence& e) { e.khat = 0.8, e.chains_ran = true; },
       Grade::kBad},
      {"khat 0.8, chains right, second mode",
       [](Evidence& e) {
         e.khat = 0.8, e.chains_ran = e.chains_certify = true, e.other_modes = {-0.5};
       },
       Grade::kBad},
      {"improper", [](Evidence& e) { e.improper = true; }, Grade::kBad},
      {"particles that agree",
       [](Evidence& e) { e.khat = 0.9, e.sampled = e.populations_agree = true; }, Grade::kUsable},
      {"particles that disagree", [](Evidence& e) { e.khat = 0.9, e.sampled = true; }, Grade::kBad},
      {"all zero density", [](Evidence& e) { e.num_nonfinite = 4000; }, Grade::kBad},
      {"nothing judged", [](Evidence& e) { e.num_judged = 0; }, Grade::kBad},
      {"no start", [](Evidence& e) { e.num_judged = 0, e.num_failed_starts = 8; }, Grade::kBad},
      {"low ess in high dim", [](Evidence& e) { e.dim = 500, e.ess = 20; }, Grade::kBad},
      {"no parameters", [](Evidence& e) { e.dim = 0, e.num_judged = 0; }, Grade::kGood},
  };
  for (const Case& c : cases) {
    Evidence e = clean();
    c.change(e);
    const Verdict v = judge(e);
    EXPECT_EQ(v.grade, c.grade) << c.name;
    EXPECT_FALSE(v.reasons.empty()) << c.name;
    for (const std::string& sentence : v.reasons) EXPECT_EQ(sentence.back(), '.') << sentence;
    for (const std::string& sentence : v.suggestions) EXPECT_EQ(sentence.back(), '.') << sentence;
  }
}

TEST(Elbo, MeanAndError) {
  const Estimate e = elbo_from_log_ratios(std::vector<double>{1, 2, 3, 6});
  EXPECT_DOUBLE_EQ(e.value, 3);
  EXPECT_NEAR(e.error, std::sqrt(14.0 / 3 / 4), 1e-14);
  EXPECT_EQ(elbo_from_log_ratios(std::vector<double>{-kInfinity}).value, -kInfinity);
  EXPECT_DOUBLE_EQ(elbo_from_log_ratios(std::vector<double>{-kInfinity, 2}).value, 2 - std::log(2));
  EXPECT_TRUE(std::isnan(elbo_from_log_ratios({}).value));
}

TEST(Rhat, SeparatesAgreementFromTrendAndShift) {
  numeric::RandomStream random(1);
  std::vector<double> same(4000), trend(4000), shifted(4000);
  for (size_t i = 0; i < same.size(); ++i) {
    same[i] = random.normal();
    trend[i] = random.normal() + static_cast<double>(i) / 1000;
    shifted[i] = random.normal() + (i < 2000 ? 0 : 2);
  }
  EXPECT_NEAR(split_rhat(same, 4), 1, 0.01);
  EXPECT_GT(split_rhat(trend, 1), 1.3);
  EXPECT_GT(split_rhat(shifted, 2), 1.3);
  // By hand: halves (0, 1) and (2, 5): means 0.5, 3.5; within (0.5 + 4.5)/2 = 2.5; between 4.5.
  EXPECT_NEAR(split_rhat(std::vector<double>{0, 1, 2, 5}, 1), std::sqrt(0.5 + 4.5 / 2.5), 1e-14);
  EXPECT_EQ(split_rhat(std::vector<double>(8, 2.0), 2), 1);
  EXPECT_EQ(split_rhat(std::vector<double>{1, 1, 1, 1, 2, 2, 2, 2}, 2), kInfinity);
  EXPECT_TRUE(std::isnan(split_rhat(std::vector<double>{1, 2}, 1)));
  EXPECT_TRUE(std::isnan(split_rhat(std::vector<double>{1, 2, std::nan(""), 4}, 1)));
}

}  // namespace
}  // namespace vinci::diagnose
