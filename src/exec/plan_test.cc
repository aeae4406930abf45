// The plan against the scalar reference evaluator, on every instruction set of this machine.
#include "exec/plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "graph/passes/passes.h"
#include "numeric/simd/target.h"

namespace vinci::exec {
namespace {

using graph::Graph;
using graph::Op;
using graph::Scalar;

constexpr double kInf = std::numeric_limits<double>::infinity();

std::vector<numeric::SimdTarget> targets() {
  std::vector<numeric::SimdTarget> result;
  for (auto t :
       {numeric::SimdTarget::kBaseline, numeric::SimdTarget::kAvx2, numeric::SimdTarget::kAvx512}) {
    if (numeric::has_simd_target(t)) result.push_back(t);
  }
  return result;
}

/// Evaluates plan and reference at `lanes` random points and expects equality to `tolerance`
/// relative.
void expect_plan_matches(const Graph& g, int lanes, uint64_t seed, double tolerance,
                         const std::string& what) {
  std::mt19937_64 rng(seed);
  std::uniform_real_distribution<double> uniform(-2, 2);
  const int dim = g.num_parameters();
  std::vector<double> points(static_cast<size_t>(dim * lanes));
  for (double& x : points) x = uniform(rng);
  const auto count = static_cast<size_t>(lanes);
  for (const auto target : targets()) {
    ASSERT_TRUE(numeric::set_simd_target(target));
    const ExecutionPlan plan(g);
    std::vector<double> value(count);
    std::vector<double> value_only(count);
    std::vector<double> no_jacobian(count);
    std::vector<double> gradient(points.size());
    plan.evaluate({points.data(), dim, lanes, lanes}, value, {gradient.data(), dim, lanes, lanes},
                  no_jacobian);
    plan.evaluate({points.data(), dim, lanes, lanes}, value_only, {});
    for (int l = 0; l < lanes; ++l) {
      const auto lane = static_cast<size_t>(l);
      std::vector<double> theta;
      for (int d = 0; d < dim; ++d) theta.push_back(points[static_cast<size_t>(d * lanes + l)]);
      const auto expected = graph::reference_evaluate(g, theta);
      const std::string where =
          what + " on " + numeric::simd_target_name(target) + ", lane " + std::to_string(l) + "\n";
      EXPECT_EQ(value[lane], value_only[lane]) << where;
      if (expected.log_density == -kInf) {
        ASSERT_EQ(value[lane], -kInf) << where;
      } else {
        const double scale = 1 + std::abs(expected.log_density);
        ASSERT_NEAR(value[lane], expected.log_density, tolerance * scale)
            << where << g.dump() << plan.dump();
        ASSERT_NEAR(no_jacobian[lane], expected.log_density_no_jacobian, tolerance * scale)
            << where;
      }
      double largest = 1;
      for (double x : expected.gradient) largest = std::max(largest, std::abs(x));
      for (int d = 0; d < dim; ++d) {
        const double actual = gradient[static_cast<size_t>(d * lanes + l)];
        if (!std::isfinite(expected.gradient[static_cast<size_t>(d)])) continue;
        ASSERT_NEAR(actual, expected.gradient[static_cast<size_t>(d)], tolerance * largest)
            << where << "coordinate " << d << "\n"
            << g.dump() << plan.dump();
      }
    }
  }
  numeric::set_simd_target(targets().back());
}

TEST(PlanTest, EveryOperationMatchesTheReference) {
  for (int k = 0; k < graph::kNumOps; ++k) {
    const Op op = static_cast<Op>(k);
    const int arity = graph::op_arity(op);
    if (arity < 1 || arity > 3 || op == Op::kPick) continue;
    for (const bool as_term : {true, false}) {
      Graph g;
      std::vector<Scalar> p;
      for (int d = 0; d < 4; ++d) p.push_back(g.parameter(d));
      const Scalar positive = g.exp(p[0]);
      const Scalar unit = g.inv_logit(p[1]);
      for (int i = 0; i < 5; ++i) {
        Scalar x[3] = {g.add(p[static_cast<size_t>(i % 4)], 0.1 * i), p[1], positive};
        switch (op) {  // arguments inside of the domain
          case Op::kLog:
          case Op::kSqrt:
          case Op::kLgamma:
          case Op::kDigamma:
          case Op::kTrigamma:
          case Op::kLog1p:
            x[0] = g.add(positive, 0.01 * i);
            break;
          case Op::kAsin:
          case Op::kAcos:
          case Op::kAtanh:
          case Op::kStdNormalQuantile:
            x[0] = g.mul(unit, 0.9 + 0.01 * i);
            break;
          case Op::kAcosh:
            x[0] = g.add(positive, 1.1 + i);
            break;
          case Op::kLog1mExp:
            x[0] = g.neg(g.add(positive, 0.1 * i));
            break;
          case Op::kPow:
            x[0] = g.add(positive, 0.1 * i);
            break;
          case Op::kLogDiffExp:
            x[0] = g.add(p[1], g.add(positive, 0.1 * i));
            break;
          case Op::kBesselI:
          case Op::kBesselJ:
          case Op::kBesselK:
          case Op::kBesselY:
          case Op::kLogBesselI:
            x[0] = 1.0 + i;
            x[1] = g.add(positive, 0.5);
            break;
          case Op::kGammaP:
          case Op::kGammaQ:
            x[0] = g.add(positive, 0.1 * (i + 1));
            x[1] = g.add(g.exp(p[2]), 0.1);
            break;
          case Op::kIncBeta:
          case Op::kLogIncBeta:
            x[0] = g.add(positive, 0.2 * (i + 1));
            x[1] = g.exp(p[2]);
            x[2] = unit;
            break;
          default:
            break;
        }
        const Scalar y = arity == 1   ? g.apply(op, x[0])
                         : arity == 2 ? g.apply(op, x[0], x[1])
                                      : g.apply(op, x[0], x[1], x[2]);
        g.add_term(as_term ? y : g.exp(g.mul(0.1, y)), {}, false, 0.5 + 0.25 * i);
      }
      expect_plan_matches(g, 11, 17, 1e-11, graph::op_name(op));
    }
  }
}

TEST(PlanTest, RandomGraphsMatchTheReference) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 rng(seed);
    const auto pick = [&](size_t n) { return static_cast<size_t>(rng() % n); };
    Graph g;
    std::vector<Scalar> pool;
    const int dim = 1 + static_cast<int>(pick(6));
    for (int d = 0; d < dim; ++d) pool.push_back(g.parameter(d));
    pool.push_back(0.5);
    pool.push_back(-1.25);
    const auto any = [&] { return pool[pick(pool.size())]; };
    for (int n = 0; n < 120; ++n) {
      const auto tame = [&](Scalar s) { return g.apply(Op::kTanh, s); };
      switch (pick(10)) {
        case 0:
          pool.push_back(g.add(any(), any()));
          break;
        case 1:
          pool.push_back(tame(g.mul(any(), any())));
          break;
        case 2:
          pool.push_back(g.inv_logit(any()));
          break;
        case 3:
          pool.push_back(g.log1p_exp(tame(any())));
          break;
        case 4: {
          std::vector<Scalar> x(2 + pick(5));
          for (Scalar& s : x) s = any();
          pool.push_back(tame(g.log_sum_exp(x)));
          break;
        }
        case 5: {
          std::vector<Scalar> a(3);
          std::vector<Scalar> b(3);
          for (Scalar& s : a) s = any();
          for (Scalar& s : b) s = any();
          pool.push_back(tame(g.dot(a, b)));
          break;
        }
        case 6:
          pool.push_back(g.select(g.less(any(), any()), any(), any()));
          break;
        case 7:
          pool.push_back(g.apply(Op::kNormalKernel, any(), any(), g.inv_logit(any())));
          break;
        case 8:
          g.add_term(any(), {}, pick(4) == 0, pick(3) == 0 ? 1.0 : 0.75);
          break;
        case 9:
          for (int i = 0; i < 7; ++i) {
            g.add_term(g.apply(Op::kNormalKernel, 0.3 * i, g.add(any(), any()), 0.7), {});
          }
          break;
        default:
          break;
      }
    }
    expect_plan_matches(g, 1 + static_cast<int>(pick(70)), seed, 1e-10,
                        "seed " + std::to_string(seed));
    const std::vector<double> theta(static_cast<size_t>(dim), 0.37);
    const auto before = graph::reference_evaluate(g, theta);
    graph::run_passes(g);
    const auto after = graph::reference_evaluate(g, theta);
    EXPECT_NEAR(before.log_density, after.log_density, 1e-10 * (1 + std::abs(before.log_density)));
    expect_plan_matches(g, 9, seed, 1e-10, "after passes, seed " + std::to_string(seed));
  }
}

TEST(PlanTest, LinearNormalPlateFoldsToItsFactorisation) {
  std::mt19937_64 rng(5);
  std::normal_distribution<double> normal;
  Graph g;
  const Scalar a = g.parameter(0);
  const Scalar b = g.parameter(1);
  const Scalar tau = g.inv(g.exp(g.parameter(2)));
  for (int n = 0; n < 500; ++n) {
    const Scalar mu = g.add(a, g.mul(normal(rng), b));
    g.add_term(g.apply(Op::kNormalKernel, normal(rng), mu, tau), {});
  }
  const std::vector<double> theta = {0.3, -0.7, 0.2};
  const auto before = graph::reference_evaluate(g, theta);
  graph::run_passes(g);
  EXPECT_LT(g.terms().size(), 5U);
  const auto after = graph::reference_evaluate(g, theta);
  EXPECT_NEAR(before.log_density, after.log_density, 1e-11 * std::abs(before.log_density));
  for (size_t d = 0; d < 3; ++d) {
    EXPECT_NEAR(before.gradient[d], after.gradient[d], 1e-9 * (1 + std::abs(before.gradient[d])));
  }
}

TEST(PlanTest, ObservationsOfOneMeanFoldToCountMeanAndSpread) {
  Graph g;
  const Scalar tau = g.exp(g.parameter(0));
  for (int n = 0; n < 1000; ++n) {
    g.add_term(g.apply(Op::kNormalKernel, 1e6 + 0.001 * n, g.parameter(1 + n % 3), tau), {});
  }
  const std::vector<double> theta = {0.1, 1e6, 1e6 + 0.5, 1e6 - 0.25};
  const auto before = graph::reference_evaluate(g, theta);
  graph::run_passes(g);
  EXPECT_EQ(g.terms().size(), 4U);
  const auto after = graph::reference_evaluate(g, theta);
  EXPECT_NEAR(before.log_density, after.log_density, 1e-10 * std::abs(before.log_density));
}

/// Values and gradients of a lane are the same to the last bit alone and among 69 others.
void expect_lanes_do_not_depend_on_the_block(const Graph& g) {
  const ExecutionPlan plan(g);
  const auto dim = static_cast<size_t>(g.num_parameters());
  constexpr int kLanes = 70;
  std::vector<double> points(dim * kLanes);
  for (size_t k = 0; k < points.size(); ++k) points[k] = std::sin(static_cast<double>(k));
  std::vector<double> all(kLanes);
  std::vector<double> all_gradient(points.size());
  const auto rows = static_cast<Index>(dim);
  plan.evaluate({points.data(), rows, kLanes, kLanes}, all,
                {all_gradient.data(), rows, kLanes, kLanes});
  for (size_t l = 0; l < kLanes; l += 23) {
    std::vector<double> point(dim);
    for (size_t d = 0; d < dim; ++d) point[d] = points[d * kLanes + l];
    std::vector<double> one(1);
    std::vector<double> gradient(dim);
    plan.evaluate({point.data(), rows, 1, 1}, one, {gradient.data(), rows, 1, 1});
    ASSERT_EQ(one[0], all[l]);
    for (size_t d = 0; d < dim; ++d) ASSERT_EQ(gradient[d], all_gradient[d * kLanes + l]);
  }
}

TEST(PlanTest, PredictorsOfTwoTermsStayInTheirPlate) {
  Graph g;
  std::vector<Scalar> ability;
  for (int j = 0; j < 30; ++j) ability.push_back(g.parameter(j));
  for (int i = 0; i < 10; ++i) {
    const Scalar slope = g.exp(g.parameter(30 + 2 * i));
    for (int j = 0; j < 30; ++j) {
      const Scalar eta =
          g.mul(slope, g.sub(ability[static_cast<size_t>(j)], g.parameter(31 + 2 * i)));
      if ((i + j) % 3 != 0) g.add_term(eta, {}, false, 1 + (i + j) % 2);
      g.add_term(g.log1p_exp(eta), {}, false, -1);
    }
  }
  const ExecutionPlan plan(g);
  EXPECT_NE(plan.dump().find("side term"), std::string::npos) << plan.dump();
  expect_plan_matches(g, 19, 3, 1e-11, "shared predictors");
  expect_lanes_do_not_depend_on_the_block(g);
}

TEST(PlanTest, ValuesUsedTwiceByOneTermAreLocal) {
  Graph g;
  for (int i = 0; i < 40; ++i) {
    const Scalar x = g.add(g.mul(0.1 * (i + 1), g.parameter(0)), g.parameter(1));
    const Scalar e = g.apply(Op::kTanh, x);
    g.add_term(g.mul(g.mul(x, e), g.add(e, g.square(x))), {});
  }
  const ExecutionPlan plan(g);
  ASSERT_EQ(plan.plates().size(), 1U) << plan.dump();
  EXPECT_GT(plan.plates()[0].num_instructions, 4U);
  expect_plan_matches(g, 21, 4, 1e-11, "values used twice");
  expect_lanes_do_not_depend_on_the_block(g);
}

TEST(PlanTest, LinearPredictorsWithSharedAndMovingRows) {
  std::mt19937_64 rng(9);
  std::normal_distribution<double> normal;
  for (const bool has_groups : {false, true}) {
    Graph g;
    for (int n = 0; n < 211; ++n) {
      std::vector<double> c;
      std::vector<Scalar> x;
      for (int k = 0; k < 5; ++k) {
        c.push_back(normal(rng));
        x.push_back(g.parameter(k));
      }
      if (has_groups) {
        c.push_back(1);
        x.push_back(g.parameter(5 + n % 7));
      }
      const Scalar eta = g.lincomb(0.3, c, x);
      g.add_term(n % 2 == 0 ? g.log1p_exp(eta) : g.exp(g.mul(0.1, eta)), {}, false, -1);
    }
    expect_plan_matches(g, 37, 5, 1e-11, "linear predictors");
    expect_lanes_do_not_depend_on_the_block(g);
  }
}

TEST(PlanTest, ManyGlobalValuesAreComputedAgainInsteadOfKept) {
  Graph g;
  constexpr int kCount = 1500;
  const Scalar tau = g.exp(g.parameter(2 * kCount));
  std::vector<Scalar> beta;
  std::vector<double> c;
  for (int j = 0; j < kCount; ++j) {
    const Scalar lambda = g.exp(g.mul(0.3, g.parameter(kCount + j)));
    const Scalar squared = g.square(lambda);
    const Scalar slab = g.sqrt(g.div(squared, g.add(1.0, g.mul(tau, squared))));
    beta.push_back(g.mul(g.mul(g.parameter(j), slab), tau));
    c.push_back(std::cos(j) / kCount);
    g.add_term(g.log1p(squared), {}, false, -1);
  }
  for (int n = 0; n < 20; ++n) {
    for (int j = 0; j < kCount; ++j) c[static_cast<size_t>(j)] = std::cos(j + 3 * n) / kCount;
    g.add_term(g.log1p_exp(g.lincomb(0.1, c, beta)), {}, false, -1);
  }
  const ExecutionPlan plan(g);
  EXPECT_NE(plan.dump().find("rows x1500"), std::string::npos) << plan.dump().substr(0, 4000);
  expect_plan_matches(g, 9, 6, 1e-10, "values computed again");
  expect_lanes_do_not_depend_on_the_block(g);
  // Outputs read such values, too.
  const std::vector<Scalar> outputs = beta;
  PlanOptions options;
  options.terms = false;
  options.outputs = outputs;
  const ExecutionPlan reader(g, options);
  const auto dim = static_cast<Index>(g.num_parameters());
  std::vector<double> theta(static_cast<size_t>(dim), 0.25);
  std::vector<double> values(outputs.size());
  reader.evaluate_outputs({theta.data(), dim, 1, 1},
                          {values.data(), static_cast<Index>(outputs.size()), 1, 1});
  const auto expected = graph::reference_evaluate(g, theta, outputs);
  for (size_t j = 0; j < outputs.size(); j += 100)
    EXPECT_NEAR(values[j], expected.outputs[j], 1e-13);
}

TEST(PlanTest, LongDotProductsBecomePlates) {
  Graph g;
  std::vector<Scalar> difference;
  for (int j = 0; j < 60; ++j)
    difference.push_back(g.sub(g.parameter(j), g.parameter((7 * j) % 60)));
  g.add_term(g.mul(-0.5, g.dot(difference, difference)), {});
  graph::run_passes(g);
  EXPECT_GT(g.terms().size(), 50U);
  expect_plan_matches(g, 10, 7, 1e-12, "long dot product");
}

TEST(PlanTest, LanesOutsideOfTheSupportHaveDensityZero) {
  Graph g;
  const Scalar x = g.parameter(0);
  g.require(graph::Guard::Kind::kPositive, x, {}, "x");
  g.add_term(g.square(x), {});
  const ExecutionPlan plan(g);
  const std::vector<double> points = {1, -1, 2, std::nan("")};
  std::vector<double> value(4);
  std::vector<double> gradient(4);
  plan.evaluate({points.data(), 1, 4, 4}, value, {gradient.data(), 1, 4, 4});
  EXPECT_EQ(value, (std::vector<double>{1, -kInf, 4, -kInf}));
  EXPECT_EQ(gradient, (std::vector<double>{2, 0, 4, 0}));
  EXPECT_EQ(plan.rejections(), (std::vector<int64_t>{2, 0}));
}

TEST(PlanTest, ALaneDoesNotDependOnItsNeighbours) {
  Graph g;
  for (int n = 0; n < 100; ++n) {
    g.add_term(g.neg(g.log1p_exp(g.add(g.parameter(0), g.mul(0.01 * n, g.parameter(1))))), {});
  }
  const ExecutionPlan plan(g);
  std::vector<double> points(2 * 70);
  for (size_t k = 0; k < points.size(); ++k) points[k] = std::sin(static_cast<double>(k));
  std::vector<double> all(70);
  std::vector<double> all_gradient(140);
  plan.evaluate({points.data(), 2, 70, 70}, all, {all_gradient.data(), 2, 70, 70});
  for (size_t l = 0; l < 70; ++l) {
    const std::vector<double> point = {points[l], points[70 + l]};
    std::vector<double> one(1);
    std::vector<double> gradient(2);
    plan.evaluate({point.data(), 2, 1, 1}, one, {gradient.data(), 2, 1, 1});
    EXPECT_EQ(one[0], all[l]);
    EXPECT_EQ(gradient[0], all_gradient[l]);
    EXPECT_EQ(gradient[1], all_gradient[70 + l]);
  }
}

TEST(PlanTest, OutputsAreRead) {
  Graph g;
  const Scalar x = g.parameter(0);
  const Scalar y = g.exp(x);
  const std::vector<Scalar> outputs = {y, 3.5, x};
  PlanOptions options;
  options.terms = false;
  options.outputs = outputs;
  const ExecutionPlan plan(g, options);
  const std::vector<double> points = {0, 1};
  std::vector<double> result(6);
  plan.evaluate_outputs({points.data(), 1, 2, 2}, {result.data(), 3, 2, 2});
  EXPECT_NEAR(result[1], std::exp(1.0), 1e-15);
  EXPECT_EQ(result[2], 3.5);
  EXPECT_EQ(result[4], 0);
  EXPECT_EQ(result[5], 1);
}

}  // namespace
}  // namespace vinci::exec
