// Initial value problems and roots: closed forms, gradients against finite differences,
// independence of lanes.
#include "graph/arrays/solvers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "numeric/simd/target.h"

namespace vinci::graph {
namespace {

using Rows = std::vector<std::vector<double>>;

struct Problem {
  Graph graph;
  std::vector<Scalar> results;
};
/// y' = -k y (and z' = k y): parameters t, y, z, k.
Problem decay() {
  Problem p;
  const Scalar t = p.graph.parameter(0);
  (void)t;
  const Scalar y = p.graph.parameter(1);
  p.graph.parameter(2);
  const Scalar k = p.graph.parameter(3);
  const Scalar rate = p.graph.mul(k, y);
  p.results = {p.graph.neg(rate), rate};
  return p;
}
/// Lotka and Volterra with a time-dependent push: t, u, v, a, b.
Problem predators() {
  Problem p;
  Graph& g = p.graph;
  const Scalar t = g.parameter(0), u = g.parameter(1), v = g.parameter(2), a = g.parameter(3),
               b = g.parameter(4);
  const Scalar uv = g.mul(u, v);
  p.results = {g.add(g.sub(g.mul(a, u), g.mul(b, uv)), g.mul(0.1, g.apply(Op::kSin, t))),
               g.sub(uv, g.exp(g.log(v)))};
  return p;
}

Rows run(const ArrayFunction& f, const Rows& in, std::vector<double>* kept = nullptr) {
  const size_t lanes = in[0].size();
  std::vector<double> own;
  std::vector<double>& scratch = kept ? *kept : own;
  scratch.resize(static_cast<size_t>(f.scratch_size()) * lanes);
  Rows out(static_cast<size_t>(f.num_outputs()), std::vector<double>(lanes));
  std::vector<const double*> in_rows;
  std::vector<double*> out_rows;
  for (const auto& r : in) in_rows.push_back(r.data());
  for (auto& r : out) out_rows.push_back(r.data());
  f.forward(in_rows.data(), out_rows.data(), scratch.data(), static_cast<int>(lanes));
  return out;
}

void expect_adjoints(const ArrayFunction& f, const Rows& in, double h, double tolerance,
                     size_t first = 0) {
  const size_t lanes = in[0].size();
  std::vector<double> scratch;
  const Rows out = run(f, in, &scratch);
  Rows adjoint(in.size(), std::vector<double>(lanes, 0.0));
  Rows weight(out.size(), std::vector<double>(lanes));
  for (size_t k = 0; k < weight.size(); ++k)
    for (double& w : weight[k]) w = std::cos(static_cast<double>(k) + 1);
  std::vector<const double*> in_rows, out_rows, weight_rows;
  std::vector<double*> adjoint_rows;
  for (const auto& r : in) in_rows.push_back(r.data());
  for (const auto& r : out) out_rows.push_back(r.data());
  for (const auto& r : weight) weight_rows.push_back(r.data());
  for (auto& r : adjoint) adjoint_rows.push_back(r.data());
  f.reverse(in_rows.data(), out_rows.data(), weight_rows.data(), adjoint_rows.data(),
            scratch.data(), static_cast<int>(lanes));
  for (size_t k = first; k < in.size(); ++k) {
    Rows up = in, down = in;
    for (double& x : up[k]) x += h;
    for (double& x : down[k]) x -= h;
    const Rows high = run(f, up), low = run(f, down);
    for (size_t l = 0; l < lanes; ++l) {
      double slope = 0;
      for (size_t j = 0; j < out.size(); ++j)
        slope += weight[j][l] * (high[j][l] - low[j][l]) / (2 * h);
      EXPECT_NEAR(adjoint[k][l], slope, tolerance * (1 + std::abs(slope)))
          << f.name() << " input " << k << " lane " << l;
    }
  }
}

std::vector<double> row(double base, double step) {
  std::vector<double> r;
  for (int l = 0; l < 8; ++l) r.push_back(base + step * l);
  return r;
}

class Ode : public testing::TestWithParam<OdeMethod> {};

TEST_P(Ode, DecayHasItsClosedForm) {
  const Problem p = decay();
  OdeOptions options;
  options.method = GetParam();
  options.relative_tolerance = options.absolute_tolerance = 1e-9;
  const auto f = ode_solve(p.graph, p.results, 2, 3, options);
  // y_0, z_0, t_0, three times (the first at t_0), k: stiffer from lane to lane
  const Rows in = {row(1, 0.1), row(0, 0),     row(0.5, 0), row(0.5, 0),
                   row(1, 0),   row(2.5, 0.1), row(0.3, 2)};
  const Rows out = run(*f, in);
  for (size_t l = 0; l < 8; ++l)
    for (size_t k = 0; k < 3; ++k) {
      const double y = in[0][l] * std::exp(-in[6][l] * (in[3 + k][l] - 0.5));
      EXPECT_NEAR(out[2 * k][l], y, 1e-7);
      EXPECT_NEAR(out[2 * k + 1][l], in[0][l] - y, 1e-7);
    }
}

TEST_P(Ode, GradientMatchesDifferences) {
  const Problem p = predators();
  OdeOptions options;
  options.method = GetParam();
  options.relative_tolerance = options.absolute_tolerance = 1e-9;
  const auto f = ode_solve(p.graph, p.results, 2, 2, options);
  const Rows in = {row(1, 0.05),  row(0.8, 0.1),  row(0.1, 0),    row(1, 0.1),
                   row(2.2, 0.2), row(1.1, 0.05), row(0.9, -0.05)};
  expect_adjoints(*f, in, 1e-4, 2e-5);
}

TEST_P(Ode, LanesAreIndependentAndFailAlone) {
  const Problem p = decay();
  OdeOptions options;
  options.method = GetParam();
  const auto f = ode_solve(p.graph, p.results, 2, 1, options);
  Rows in = {row(1, 0.1), row(0, 0), row(0, 0), row(2, 0), row(0.3, 0.2)};
  const Rows before = run(*f, in);
  in[4][3] = std::nan("");
  const Rows after = run(*f, in);
  for (size_t l = 0; l < 8; ++l) {
    if (l == 3) {
      EXPECT_TRUE(std::isnan(after[0][l]));
    } else {
      EXPECT_EQ(after[0][l], before[0][l]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, Ode, testing::Values(OdeMethod::kExplicit, OdeMethod::kStiff),
                         [](const auto& test) {
                           return std::string(test.param == OdeMethod::kStiff ? "Stiff"
                                                                              : "Explicit");
                         });

/// y' = z, z' = -e^{2 w} y with a guard on w: parameters t, y, z, w; solution cos(e^w t).
Problem oscillator() {
  Problem p;
  Graph& g = p.graph;
  g.parameter(0);
  const Scalar y = g.parameter(1), z = g.parameter(2), w = g.parameter(3);
  g.require(Guard::Kind::kNonNegative, w, {}, "frequency");
  p.results = {z, g.neg(g.mul(g.exp(g.mul(2.0, w)), y))};
  return p;
}

TEST_P(Ode, WhatDependsOnParametersAloneCountsInTheGradient) {
  const Problem p = oscillator();
  OdeOptions options;
  options.method = GetParam();
  options.relative_tolerance = options.absolute_tolerance = 1e-8;
  const auto f = ode_solve(p.graph, p.results, 2, 2, options);
  Rows in = {row(1, 0), row(0, 0), row(0, 0), row(0.5, 0), row(1.5, 0), row(0.05, 0.05)};
  const Rows out = run(*f, in);
  for (size_t l = 0; l < 8; ++l)
    EXPECT_NEAR(out[2][l], std::cos(std::exp(in[5][l]) * in[4][l]), 1e-6);
  expect_adjoints(*f, in, 1e-4, 2e-5);
  in[5][2] = -0.1;
  const Rows failed = run(*f, in);
  EXPECT_TRUE(std::isnan(failed[0][2]));
  EXPECT_EQ(failed[0][3], out[0][3]);
}

TEST(OdeExplicit, OutputsBetweenStepsMeetTheTolerance) {
  const Problem p = oscillator();
  OdeOptions options;
  options.relative_tolerance = options.absolute_tolerance = 1e-6;
  constexpr int kTimes = 100;  // many to a step
  const auto f = ode_solve(p.graph, p.results, 2, kTimes, options);
  Rows in = {row(1, 0), row(0, 0), row(0, 0)};
  for (int k = 1; k <= kTimes; ++k) in.push_back(row(0.05 * k, 0));
  in.push_back(row(0, 0.1));
  const Rows out = run(*f, in);
  for (size_t l = 0; l < 8; ++l)
    for (size_t k = 0; k < kTimes; ++k)
      EXPECT_NEAR(out[2 * k][l], std::cos(std::exp(in.back()[l]) * in[3 + k][l]), 3e-5);
  // Backwards in time the solution is the same.
  for (size_t k = 3; k < 3 + kTimes; ++k)
    for (double& t : in[k]) t = -t;
  const Rows back = run(*f, in);
  for (size_t l = 0; l < 8; ++l) EXPECT_NEAR(back[2 * kTimes - 2][l], out[2 * kTimes - 2][l], 1e-9);
}

TEST(OdeExplicit, SolutionsLongerThanTheTapeHaveTheirGradient) {
  const Problem p = oscillator();
  OdeOptions options;
  options.relative_tolerance = options.absolute_tolerance = 1e-12;
  const auto f = ode_solve(p.graph, p.results, 2, 1, options);
  const Rows in = {row(1, 0.1), row(0.2, 0), row(0, 0), row(10, 0), row(0.01, 0.1)};
  std::vector<double> tape(static_cast<size_t>(f->scratch_size()) * 8);
  run(*f, in, &tape);
  ASSERT_GT(tape[7], 256) << "steps: the tape has to overflow for this test";
  expect_adjoints(*f, in, 1e-4, 1e-5);
}

TEST(OdeExplicit, EachOfManyLanesIsAsIfAlone) {
  const Problem p = predators();
  const auto f = ode_solve(p.graph, p.results, 2, 3, {});
  const auto lanes_from = [](int first, int count) {
    Rows in(8);
    for (int l = first; l < first + count; ++l) {
      const double x = l;
      const double values[] = {1 + 0.02 * x, 0.5 + 0.01 * x, 0,           1, 2,
                               3 + 0.1 * x,  0.5 + 0.03 * x, 1 - 0.01 * x};
      for (size_t k = 0; k < 8; ++k) in[k].push_back(values[k]);
    }
    return in;
  };
  for (const auto target :
       {numeric::SimdTarget::kBaseline, numeric::SimdTarget::kAvx2, numeric::SimdTarget::kAvx512}) {
    const auto before = numeric::simd_target();
    if (!numeric::set_simd_target(target)) continue;
    const Rows all = run(*f, lanes_from(0, 64));
    for (int first : {0, 5, 23, 56}) {
      const Rows some = run(*f, lanes_from(first, 8));
      for (size_t k = 0; k < all.size(); ++k)
        for (size_t l = 0; l < 8; ++l)
          EXPECT_EQ(some[k][l], all[k][static_cast<size_t>(first) + l]) << k << ' ' << l;
    }
    expect_adjoints(*f, lanes_from(11, 16), 1e-4, 2e-3);
    numeric::set_simd_target(before);
  }
}

TEST(OdeStiff, TakesFewStepsWhereExplicitMethodsNeedMany) {
  const Problem p = decay();
  OdeOptions options;
  options.method = OdeMethod::kStiff;
  options.max_steps = 2000;
  // The time constant is a millionth of the interval.
  const Rows in = {row(1, 0), row(0, 0), row(0, 0), row(1, 0), row(1e6, 0)};
  EXPECT_NEAR(run(*ode_solve(p.graph, p.results, 2, 1, options), in)[1][0], 1, 1e-5);
  options.method = OdeMethod::kExplicit;
  EXPECT_TRUE(std::isnan(run(*ode_solve(p.graph, p.results, 2, 1, options), in)[1][0]));
}

TEST(FindRoot, SquareRootAndItsDerivative) {
  // x^2 - p = 0, x y - 1 = 0: unknowns x, y; parameter p.
  Problem p;
  Graph& g = p.graph;
  const Scalar x = g.parameter(0), y = g.parameter(1), q = g.parameter(2);
  p.results = {g.sub(g.square(x), q), g.sub(g.mul(x, y), 1.0)};
  const auto f = find_root(g, p.results, 2, {});
  const Rows in = {row(1, 0), row(1, 0), row(0.5, 1)};
  const Rows out = run(*f, in);
  for (size_t l = 0; l < 8; ++l) {
    EXPECT_NEAR(out[0][l], std::sqrt(in[2][l]), 1e-9);
    EXPECT_NEAR(out[1][l], 1 / std::sqrt(in[2][l]), 1e-9);
  }
  expect_adjoints(*f, in, 1e-5, 1e-6, 2);
  // No real root: NaN in that lane.
  Rows bad = in;
  bad[2][4] = -1;
  const Rows failed = run(*f, bad);
  EXPECT_TRUE(std::isnan(failed[0][4]));
  EXPECT_EQ(failed[0][3], out[0][3]);
}

}  // namespace
}  // namespace vinci::graph
