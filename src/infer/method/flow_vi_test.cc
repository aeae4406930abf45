#include "infer/method/flow_vi.h"

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

FlowViOptions small(FlowKind kind) {
  FlowViOptions o;
  o.shape = {.kind = kind, .blocks = 2, .hidden = 8};
  o.batch = 64;
  o.rates = {1e-2};
  o.last_rate = 2e-3;
  o.max_iterations = 800;
  return o;
}

// x1 | x0 is normal around a parabola: a normal is 0.5 nats short, a flow need not be.
TEST(FlowVi, BendsToABanana) {
  const PointDensity target = testing::banana(0.7);
  for (const FlowKind kind : {FlowKind::kRealNvp, FlowKind::kSpline}) {
    Objective objective(target, quiet());
    const FullRankNormal start =
        sqrt_natural_gradient(objective, FullRankNormal(2), {}, {1, 1}).normal;
    const double of_start = estimate_elbo(objective, start, 4000, {3, 3}).value;
    const FlowViResult r = flow_vi(objective, start, small(kind), {1, 2});
    ASSERT_NE(r.q, nullptr);
    const diagnose::Estimate elbo = estimate_elbo(objective, *r.q, 4000, {3, 3});
    EXPECT_LT(of_start, -0.2);
    EXPECT_GT(elbo.value, of_start / 4) << to_string(kind);
    EXPECT_LT(elbo.value, 4 * elbo.error);  // log evidence 0
    EXPECT_NEAR(r.elbo, elbo.value, 5 * std::hypot(elbo.error, 0.05));
  }
}

TEST(FlowVi, SameBitsForAnyNumberOfThreads) {
  const PointDensity target = testing::funnel(3);
  numeric::ThreadPool pool(3);
  double elbo[2];
  for (int k = 0; k < 2; ++k) {
    Objective objective(target, quiet());
    FlowViOptions o = small(FlowKind::kRealNvp);
    o.batch = 130;
    o.max_iterations = 30;
    o.pool = k == 0 ? nullptr : &pool;
    elbo[k] = flow_vi(objective, FullRankNormal(3), o, {1, 2}).elbo;
  }
  EXPECT_EQ(elbo[0], elbo[1]);
}

TEST(FlowVi, OffersNothingWhereTheNormalIsExact) {
  const PointDensity target = testing::rotated_normal({1, 2}, {1, 1}, 0);
  Objective objective(target, quiet());
  FlowViOptions o = small(FlowKind::kRealNvp);
  o.max_iterations = 100;
  const FlowViResult r = flow_vi(objective, FullRankNormal({1, 2}, {1, 0, 0, 1}), o, {1, 2});
  EXPECT_EQ(r.q, nullptr);
  EXPECT_NEAR(r.start_elbo, 0, 1e-12);
}

TEST(FlowVi, SurvivesWhatIsNotFiniteAndKeepsItsBudget) {
  for (const PointDensity& target : {testing::half_space(2, 0), testing::nowhere_finite(2)}) {
    Objective objective(target, quiet(), {5000, 1e9});
    const FlowViResult r = escalate_flow(objective, FullRankNormal(2), {5000, 1e9}, {1, 1});
    EXPECT_GT(r.nonfinite, 0);
    EXPECT_LT(objective.evaluations(), 5000 + 256 + 3 * 2048 + 1);
  }
}

}  // namespace
}  // namespace vinci::infer
