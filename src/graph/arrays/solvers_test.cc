// Initial value problems and roots: closed forms, gradients against finite differences,
// independence of lanes.
#include "graph/arrays/solvers.h"

#include <gtest/gtest.h>

#include <cmath>

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

Rows run(const ArrayFunction& f, const Rows& in) {
  const size_t lanes = in[0].size();
  Rows out(static_cast<size_t>(f.num_outputs()), std::vector<double>(lanes));
  std::vector<const double*> in_rows;
  std::vector<double*> out_rows;
  for (const auto& r : in) in_rows.push_back(r.data());
  for (auto& r : out) out_rows.push_back(r.data());
  f.forward(in_rows.data(), out_rows.data(), nullptr, static_cast<int>(lanes));
  return out;
}

void expect_adjoints(const ArrayFunction& f, const Rows& in, double h, double tolerance,
                     size_t first = 0) {
  const size_t lanes = in[0].size();
  const Rows out = run(f, in);
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
  f.reverse(in_rows.data(), out_rows.data(), weight_rows.data(), adjoint_rows.data(), nullptr,
            static_cast<int>(lanes));
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

INSTANTIATE_TEST_SUITE_P(Methods, Ode, testing::Values(OdeMethod::kExplicit, OdeMethod::kStiff));

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
