#include "infer/method/fit_sinh_arcsinh.h"

#include <gtest/gtest.h>

#include <cmath>

#include "infer/dense.h"
#include "infer/judgement.h"
#include "infer/method/sqrt_natural_gradient.h"
#include "infer/testing/targets.h"

namespace vinci::infer {
namespace {

using testing::PointDensity;

const Context& quiet() {
  static const Context context;
  return context;
}

/// The log density of a member of the family, by its formula, with its gradient.
PointDensity member(const std::vector<double>& mean, const std::vector<double>& factor,
                    const std::vector<double>& skew, const std::vector<double>& tail) {
  return {2, [=](const std::vector<double>& z, std::vector<double>& g) {
            const double v[2] = {
                (z[0] - mean[0]) / factor[0],
                (z[1] - mean[1] - factor[2] * (z[0] - mean[0]) / factor[0]) / factor[3]};
            double value = -std::log(factor[0] * factor[3]), dv[2];
            for (size_t i = 0; i < 2; ++i) {
              const double a = tail[i] * std::asinh(v[i]) - skew[i];
              const double u = std::sinh(a), slope = tail[i] * std::cosh(a) / std::hypot(1, v[i]);
              value += testing::log_normal_density(u, 0, 1) + std::log(slope);
              // d log slope / dv = tail tanh(a) / sqrt(1 + v^2) - v / (1 + v^2)
              dv[i] = -u * slope + tail[i] * std::tanh(a) / std::hypot(1, v[i]) -
                      v[i] / (1 + v[i] * v[i]);
            }
            g[1] = dv[1] / factor[3];
            g[0] = dv[0] / factor[0] - factor[2] / factor[0] * g[1];
            return value;
          }};
}

// Path derivatives have no variance where q can equal p: the fit ends there, not merely near.
TEST(FitSinhArcsinh, FindsAMemberOfTheFamily) {
  const std::vector<double> mean{1, -2}, factor{2, 0, 0.7, 0.5}, skew{0.5, -0.3}, tail{1.2, 0.8};
  const PointDensity target = member(mean, factor, skew, tail);
  Objective objective(target, quiet());
  SinhArcsinhOptions o;
  o.max_iterations = 600;
  o.gap_tolerance = 1e-7;
  const SinhArcsinhResult r = fit_sinh_arcsinh(objective, FullRankNormal(2), o, {1, 1});
  EXPECT_TRUE(r.converged);
  EXPECT_NEAR(r.elbo, 0, 1e-3);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(r.q.skew()[i], skew[i], 0.01) << i;
    EXPECT_NEAR(r.q.tail()[i], tail[i], 0.01) << i;
    EXPECT_NEAR(r.q.base().mean()[i], mean[i], 0.02) << i;
  }
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(r.q.base().factor()[i], factor[i], 0.02) << i;
  EXPECT_NEAR(estimate_elbo(objective, r.q, 1000, {5, 5}).value, 0, 1e-5);
}

TEST(FitSinhArcsinh, StopsAtOnceAtANormal) {
  const PointDensity target = testing::rotated_normal({1, 2, 3}, {1, 2, 0.5}, 0);
  Objective objective(target, quiet());
  const FullRankNormal start({1, 2, 3}, {1, 0, 0, 0, 2, 0, 0, 0, 0.5});
  const SinhArcsinhResult r = fit_sinh_arcsinh(objective, start, {}, {1, 1});
  EXPECT_TRUE(r.converged);
  EXPECT_EQ(r.iterations, 40);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(r.q.skew()[i], 0, 1e-9);
}

// log x of x ~ Gamma(2, 1), twice: skewed to the left. Log evidence 0.
TEST(FitSinhArcsinh, SkewedScaleParameter) {
  const PointDensity target(2, [](const std::vector<double>& x, std::vector<double>& g) {
    double value = 0;
    for (size_t i = 0; i < 2; ++i) {
      value += 2 * x[i] - std::exp(x[i]) - std::lgamma(2.0);
      g[i] = 2 - std::exp(x[i]);
    }
    return value;
  });
  Objective objective(target, quiet());
  const SinhArcsinhResult r = fit_sinh_arcsinh(objective, FullRankNormal(2), {}, {1, 1});
  const FullRankNormal normal =
      sqrt_natural_gradient(objective, FullRankNormal(2), {}, {1, 1}).normal;
  const Judgement of_normal = judge_family(objective, normal, 10000, 10000, {7, 7});
  const Judgement j = judge_family(objective, r.q, 10000, 10000, {7, 7});
  EXPECT_NEAR(of_normal.elbo.value, -0.08, 0.02);
  EXPECT_GT(j.elbo.value, -0.01);
  EXPECT_GT(j.psis.ess, of_normal.psis.ess);
  EXPECT_LT(r.q.skew()[0], -0.1);
}

TEST(FitSinhArcsinh, SurvivesWhatIsNotFinite) {
  for (const PointDensity& target : {testing::half_space(3, -0.5), testing::nowhere_finite(3)}) {
    Objective objective(target, quiet());
    SinhArcsinhOptions o;
    o.max_iterations = 60;
    const SinhArcsinhResult r = fit_sinh_arcsinh(objective, FullRankNormal(3), o, {1, 1});
    EXPECT_GT(r.nonfinite, 0);
    Matrix z(3, 100);
    Vector log_q(100);
    r.q.draw({2, 2}, 0, 0, mutable_lanes(z), span_of(log_q));
    EXPECT_TRUE(z.allFinite() && log_q.allFinite());
  }
}

TEST(FitSinhArcsinh, KeepsTheStartWithoutBudget) {
  const PointDensity target = testing::funnel(3);
  Objective objective(target, quiet(), {0, 1e9});
  const SinhArcsinhResult r = fit_sinh_arcsinh(objective, FullRankNormal(3, 2.0), {}, {1, 1});
  EXPECT_EQ(r.iterations, 0);
  EXPECT_EQ(r.q.base().factor(), FullRankNormal(3, 2.0).factor());
}

}  // namespace
}  // namespace vinci::infer
