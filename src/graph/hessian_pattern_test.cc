#include "graph/hessian_pattern.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace vinci::graph {
namespace {

using Pairs = CoordinatePairs;

/// x_0 .. x_{n-1} of a fresh graph.
std::vector<Scalar> parameters(Graph& g, int n) {
  std::vector<Scalar> x;
  for (int i = 0; i < n; ++i) x.push_back(g.parameter(i));
  return x;
}

TEST(HessianPattern, SumsDoNotCouple) {
  Graph g;
  const auto x = parameters(g, 4);
  for (const Scalar& v : x) g.add_term(g.exp(v), {});
  g.add_term(g.sum(x), {});
  EXPECT_EQ(hessian_pattern(g, 100), Pairs());
}

TEST(HessianPattern, HierarchyIsAnArrow) {
  Graph g;
  const auto x = parameters(g, 5);  // three members, location, log scale
  for (int j = 0; j < 3; ++j) {
    const size_t i = static_cast<size_t>(j);
    g.add_term(g.apply(Op::kNormalKernel, x[i], x[3], g.exp(g.neg(x[4]))), {});
    g.add_term(g.neg(x[4]), {});
    g.add_term(g.apply(Op::kNormalKernel, Scalar(j), x[i], Scalar(2)), {});
  }
  EXPECT_EQ(hessian_pattern(g, 100),
            (Pairs{{3, 0}, {3, 1}, {3, 2}, {4, 0}, {4, 1}, {4, 2}, {4, 3}}));
}

TEST(HessianPattern, ProductsCoupleTheirSidesOnly) {
  Graph g;
  const auto x = parameters(g, 4);
  g.add_term(g.mul(g.add(x[0], x[1]), g.add(x[2], x[3])), {});
  EXPECT_EQ(hessian_pattern(g, 100), (Pairs{{2, 0}, {2, 1}, {3, 0}, {3, 1}}));
}

TEST(HessianPattern, NonlinearFunctionsOfLinearPredictorsCoupleAll) {
  Graph g;
  const auto x = parameters(g, 3);
  g.add_term(g.log1p_exp(g.sum(x)), {});
  EXPECT_EQ(hessian_pattern(g, 100), (Pairs{{1, 0}, {2, 0}, {2, 1}}));
}

TEST(HessianPattern, GivesUpWhereItIsDense) {
  Graph g;
  const auto x = parameters(g, 40);
  g.add_term(g.log_sum_exp(x), {});
  EXPECT_EQ(hessian_pattern(g, 100), std::nullopt);
  EXPECT_EQ(hessian_pattern(g, 40 * 39 / 2)->size(), 40u * 39u / 2u);
}

// What the pattern leaves out is zero: checked by differences of the reference gradient.
TEST(HessianPattern, WhatIsLeftOutVanishes) {
  Graph g;
  const auto x = parameters(g, 6);
  g.add_term(g.mul(g.exp(x[0]), g.log1p(g.square(x[1]))), {});
  g.add_term(g.div(x[2], g.exp(x[3])), {});
  g.add_term(g.square(g.sub(x[4], g.mul(x[0], x[5]))), {});
  const auto pattern = hessian_pattern(g, 100);
  ASSERT_TRUE(pattern);
  const std::vector<double> at{0.3, -0.7, 1.1, 0.2, -0.4, 0.9};
  const auto gradient = [&](std::vector<double> point, size_t j, double by) {
    point[j] += by;
    return reference_evaluate(g, point).gradient;
  };
  for (int32_t i = 0; i < 6; ++i) {
    for (int32_t j = 0; j < i; ++j) {
      const auto k = static_cast<size_t>(j);
      const double h = (gradient(at, k, 1e-4)[static_cast<size_t>(i)] -
                        gradient(at, k, -1e-4)[static_cast<size_t>(i)]) /
                       2e-4;
      const bool listed =
          std::find(pattern->begin(), pattern->end(), std::pair(i, j)) != pattern->end();
      EXPECT_EQ(listed, std::abs(h) > 1e-6) << i << " " << j << " " << h;
    }
  }
}

}  // namespace
}  // namespace vinci::graph
