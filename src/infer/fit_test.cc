#include "infer/fit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "infer/testing/targets.h"
#include "vinci/error.h"

namespace vinci::infer {
namespace {

using diagnose::Grade;
using testing::PointDensity;

FitOptions serial() {
  FitOptions o;
  o.threads = 1;
  return o;
}

struct Moments {
  double mean;
  double sd;
};
Moments moments(const FitResult& r, const std::function<double(const double*)>& h) {
  double sum = 0, squares = 0;
  for (Index s = 0; s < r.num_draws; ++s) {
    const double x = h(r.draws.data() + s * r.dim);
    sum += x;
    squares += x * x;
  }
  const auto n = static_cast<double>(r.num_draws);
  return {sum / n, std::sqrt(squares / n - sum * sum / n / n)};
}

/// What holds of every result with draws.
void expect_sound(const FitResult& r) {
  EXPECT_EQ(r.draws.size(), static_cast<size_t>(r.num_draws * r.dim));
  EXPECT_EQ(r.log_density.size(), static_cast<size_t>(r.num_draws));
  EXPECT_EQ(r.log_q.size(), static_cast<size_t>(r.num_draws));
  EXPECT_FALSE(r.verdict.reasons.empty());
  int64_t evaluations = 0;
  for (const Stage& s : r.stages) evaluations += s.evaluations;
  EXPECT_EQ(evaluations, r.evaluations);
  // The ELBO bounds the evidence.
  EXPECT_LT(r.elbo.value, r.log_evidence.value + 5 * (r.elbo.error + r.log_evidence.error) + 1e-9);
}

TEST(Fit, NormalOfConditionTenThousandIsExact) {
  std::vector<double> mean, sd;
  for (int i = 0; i < 30; ++i) {
    mean.push_back(i);
    sd.push_back(std::pow(10, 2.0 * i / 29 - 1));
  }
  const PointDensity target = testing::rotated_normal(mean, sd, 0.7);
  const FitResult r = fit(target, serial());
  expect_sound(r);
  EXPECT_EQ(r.verdict.grade, Grade::kGood);
  EXPECT_NEAR(r.elbo.value, 0, 1e-3);
  EXPECT_NEAR(r.log_evidence.value, 0, 1e-3);
}

TEST(Fit, OneParameter) {
  const PointDensity target = testing::rotated_normal({3}, {2}, 0);
  const FitResult r = fit(target, serial());
  expect_sound(r);
  EXPECT_EQ(r.verdict.grade, Grade::kGood);
  const Moments m = moments(r, [](const double* x) { return x[0]; });
  EXPECT_NEAR(m.mean, 3, 5 * 2 / std::sqrt(4000));
  EXPECT_NEAR(m.sd, 2, 5 * 2 / std::sqrt(8000));
}

TEST(Fit, NoParameters) {
  const PointDensity target(0,
                            [](const std::vector<double>&, std::vector<double>&) { return -2.5; });
  const FitResult r = fit(target, serial());
  EXPECT_EQ(r.num_draws, 4000);
  EXPECT_EQ(r.log_evidence.value, -2.5);
  EXPECT_EQ(r.verdict.grade, Grade::kGood);
}

// Reference values: 10,000 effectively independent draws of Stan's NUTS.
TEST(Fit, EightSchoolsNoncentered) {
  const FitResult r = fit(testing::eight_schools_noncentered(), serial());
  expect_sound(r);
  EXPECT_NE(r.verdict.grade, Grade::kBad);
  const Moments mu = moments(r, [](const double* x) { return x[8]; });
  EXPECT_NEAR(mu.mean, 4.4105, 0.1 * 3.309);
  EXPECT_NEAR(std::log(mu.sd / 3.309), 0, 0.1);
  const Moments tau = moments(r, [](const double* x) { return std::exp(x[9]); });
  EXPECT_NEAR(tau.mean, 3.602, 0.1 * 3.198);
  EXPECT_NEAR(std::log(tau.sd / 3.198), 0, 0.15);
  const Moments theta1 = moments(r, [](const double* x) { return x[8] + std::exp(x[9]) * x[0]; });
  EXPECT_NEAR(theta1.mean, 6.1505, 0.1 * 5.616);
  EXPECT_NEAR(std::log(theta1.sd / 5.616), 0, 0.1);
}

TEST(Fit, EightSchoolsCenteredIsNotCalledGoodUnlessItIs) {
  const FitResult r = fit(testing::eight_schools_centered(), serial());
  expect_sound(r);
  const Moments tau = moments(r, [](const double* x) { return std::exp(x[9]); });
  if (r.verdict.grade == Grade::kGood) {
    EXPECT_NEAR(tau.mean, 3.602, 0.3 * 3.198);
    EXPECT_NEAR(std::log(tau.sd / 3.198), 0, 0.3);
  }
}

// Means of what each method hands out; those whose family holds the target are good by themselves.
TEST(Fit, MethodsByName) {
  const PointDensity target = testing::rotated_normal({3, -1}, {2, 1}, 0.4);
  for (const char* word : {"dadvi", "raabbvi", "gsm", "pbam", "bam", "pathfinder", "laplace"}) {
    FitOptions o = serial();
    o.method = parse_method(word);
    EXPECT_EQ(to_string(o.method), word);
    const FitResult r = fit(target, o);
    expect_sound(r);
    EXPECT_NE(r.verdict.grade, Grade::kBad) << word;
    EXPECT_NEAR(r.log_evidence.value, 0, 0.1) << word;
  }
}

TEST(Fit, ImproperPosteriorIsBad) {
  const PointDensity flat(2, [](const std::vector<double>& x, std::vector<double>& g) {
    g[0] = -x[0];
    return -0.5 * x[0] * x[0];
  });
  FitOptions o = serial();
  o.budget_evaluations = 200'000;
  EXPECT_EQ(fit(flat, o).verdict.grade, Grade::kBad);
}

TEST(Fit, LogisticRegressionIsGood) {
  const FitResult r = fit(testing::logistic_regression(8, 100), serial());
  expect_sound(r);
  EXPECT_EQ(r.verdict.grade, Grade::kGood);
  EXPECT_TRUE(r.converged);
}

TEST(Fit, FunnelIsNeverGood) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    FitOptions o = serial();
    o.seed = seed;
    const FitResult r = fit(testing::funnel(10), o);
    expect_sound(r);
    EXPECT_NE(r.verdict.grade, Grade::kGood) << seed;
  }
}

TEST(Fit, BananaIsFollowed) {
  const FitResult r = fit(testing::banana(1), serial());
  expect_sound(r);
  EXPECT_NEAR(r.log_evidence.value, 0, 0.1);
  if (r.verdict.grade == Grade::kBad) return;
  const Moments bent = moments(r, [](const double* x) { return x[1]; });
  EXPECT_NEAR(bent.mean, 0, 0.2);  // deviation sqrt(3)
  EXPECT_NEAR(bent.sd, std::sqrt(3.0), 0.3);
}

TEST(Fit, DistantModesAreNeverSilentlyGood) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    FitOptions o = serial();
    o.seed = seed;
    const FitResult r = fit(testing::two_modes(5, 5), o);
    expect_sound(r);
    EXPECT_NE(r.verdict.grade, Grade::kGood) << seed;
    // Both modes are in the draws, in their proportion.
    const Moments side = moments(r, [](const double* x) { return x[0] > 0 ? 1.0 : 0.0; });
    EXPECT_NEAR(side.mean, 0.5, 0.05) << seed;
    // Without escalation the second mode is what makes the verdict bad.
    o.escalate = false;
    EXPECT_EQ(fit(testing::two_modes(5, 5), o).verdict.grade, Grade::kBad) << seed;
  }
}

TEST(Fit, DensityThatIsNowhereFinite) {
  const FitResult r = fit(testing::nowhere_finite(4), serial());
  EXPECT_EQ(r.verdict.grade, Grade::kBad);
  EXPECT_EQ(r.num_draws, 0);
  EXPECT_EQ(r.approximation, nullptr);
  EXPECT_EQ(r.num_failed_paths, 8);
  EXPECT_NE(r.verdict.reasons.front().find("starting points"), std::string::npos);
}

TEST(Fit, SupportCutByAPlane) {
  for (const double boundary : {-1.0, 1.0, 30.0}) {
    const FitResult r = fit(testing::half_space(3, boundary), serial());
    EXPECT_NE(r.verdict.grade, Grade::kGood) << boundary;
    for (const double value : r.log_density) {
      EXPECT_TRUE(std::isfinite(value) || !r.resampled);
    }
  }
}

TEST(Fit, TwoThousandDimensions) {
  std::vector<double> mean(2000, 1.0), sd;
  for (int i = 0; i < 2000; ++i) sd.push_back(std::pow(10, 2.0 * i / 1999 - 1));
  FitOptions o = serial();
  o.draws = 500;
  o.judge_draws = 1000;
  const FitResult r = fit(testing::rotated_normal(mean, sd, 0), o);
  expect_sound(r);
  EXPECT_EQ(r.verdict.grade, Grade::kGood);
  EXPECT_NEAR(r.elbo.value, 0, 0.5);
}

TEST(Fit, SameSeedSameBitsWhateverTheThreads) {
  const PointDensity target = testing::eight_schools_noncentered();
  FitOptions o = serial();
  const FitResult one = fit(target, o);
  o.threads = 2;
  const FitResult two = fit(target, o);
  o.threads = 5;
  const FitResult five = fit(target, o);
  EXPECT_EQ(one.draws, two.draws);
  EXPECT_EQ(one.draws, five.draws);
  EXPECT_EQ(one.khat, two.khat);
  EXPECT_EQ(one.elbo.value, two.elbo.value);
  EXPECT_EQ(one.evaluations, two.evaluations);
  o.seed = 2;
  EXPECT_NE(fit(target, o).draws, one.draws);
}

TEST(Fit, CancelReturnsWhatItHas) {
  std::atomic<bool> cancel{false};
  Context context;
  context.cancel = &cancel;
  int stages = 0;
  context.on_progress = [&](const Progress&) {
    if (++stages == 2) cancel = true;
  };
  const FitResult r = fit(testing::eight_schools_noncentered(), serial(), context);
  EXPECT_TRUE(r.cancelled);
  EXPECT_EQ(r.verdict.grade, Grade::kBad);
  EXPECT_GT(r.num_draws, 0);
  expect_sound(r);
  // Before anything happened there is nothing to have.
  cancel = true;
  const FitResult nothing = fit(testing::eight_schools_noncentered(), serial(), context);
  EXPECT_EQ(nothing.num_draws, 0);
  EXPECT_EQ(nothing.verdict.grade, Grade::kBad);
}

TEST(Fit, SmallBudgetIsKeptAndReported) {
  FitOptions o = serial();
  o.budget_evaluations = 3000;
  o.judge_draws = 2000;
  const FitResult r = fit(testing::eight_schools_centered(), o);
  EXPECT_TRUE(r.budget_spent);
  EXPECT_LT(r.evaluations, 3000 + 4000 + 1000);
  EXPECT_NE(r.verdict.grade, Grade::kGood);
}

TEST(Fit, EveryMethodGivesDrawsAndAVerdict) {
  const PointDensity target = testing::logistic_regression(5, 60);
  const double evidence = fit(target, serial()).log_evidence.value;
  for (const Method method : {Method::kPathfinder, Method::kBatchAndMatch, Method::kNaturalGradient,
                              Method::kMeanField, Method::kAdvi, Method::kLaplace}) {
    for (const FamilyChoice family : {FamilyChoice::kAuto, FamilyChoice::kFullRank}) {
      FitOptions o = serial();
      o.method = method;
      o.family = family;
      o.draws = 300;
      const FitResult r = fit(target, o);
      expect_sound(r);
      EXPECT_EQ(r.num_draws, 300) << to_string(method);
      if (r.khat < r.khat_threshold) {
        EXPECT_NEAR(r.log_evidence.value, evidence, 0.15) << to_string(method);
      }
    }
  }
}

TEST(FitOptions, BadValuesAreNamed) {
  const auto message = [](const std::function<void(FitOptions&)>& change) -> std::string {
    FitOptions o;
    change(o);
    try {
      o.validate(3);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Error::Kind::kUsage);
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message([](FitOptions&) {}), "");
  EXPECT_EQ(message([](FitOptions& o) { o.draws = 0; }), "draws is 0; it must be at least 1");
  EXPECT_NE(message([](FitOptions& o) { o.threads = -1; }).find("threads"), std::string::npos);
  EXPECT_NE(message([](FitOptions& o) { o.num_paths = 0; }).find("num_paths"), std::string::npos);
  EXPECT_NE(message([](FitOptions& o) { o.init = {1, 2}; }).find("init"), std::string::npos);
  EXPECT_NE(message([](FitOptions& o) { o.init = {1, 2, NAN}; }).find("finite"), std::string::npos);
  EXPECT_NE(message([](FitOptions& o) { o.budget_seconds = NAN; }).find("budget"),
            std::string::npos);
  EXPECT_THROW(parse_method("magic"), Error);
  EXPECT_THROW(parse_family("magic"), Error);
  EXPECT_EQ(parse_method("bam"), Method::kBatchAndMatch);
  EXPECT_EQ(to_string(parse_family("full-rank")), "full-rank");
}

}  // namespace
}  // namespace vinci::infer
