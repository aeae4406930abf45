#include "infer/method/sparse_newton.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "infer/dense.h"
#include "infer/testing/targets.h"

namespace vinci::infer {
namespace {

using testing::PointDensity;

/// Coordinates 0 .. n-1 hang on the last two.
CoordinatePairs arrow(int32_t n) {
  CoordinatePairs pairs;
  for (int32_t i = 0; i < n; ++i) {
    pairs.emplace_back(n, i);
    pairs.emplace_back(n + 1, i);
  }
  pairs.emplace_back(n + 1, n);
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

/// Precision with that pattern, diagonally dominant, and a mean.
PointDensity arrow_normal(int n) {
  return {n + 2, [n](const std::vector<double>& x, std::vector<double>& g) {
            double value = 0;
            const auto add = [&](size_t i, size_t j, double c) {  // -c x_i x_j about the mean
              const double a = x[i] - static_cast<double>(i), b = x[j] - static_cast<double>(j);
              value -= c * a * b;
              g[i] -= c * b;
              g[j] -= c * a;
            };
            const auto u = static_cast<size_t>(n);
            for (size_t i = 0; i < u; ++i) {
              add(i, i, 1 + 0.1 * static_cast<double>(i));
              add(i, u, 0.3);
              add(i, u + 1, -0.2);
            }
            add(u, u, 2 * static_cast<double>(n));
            add(u + 1, u + 1, 3 * static_cast<double>(n));
            add(u + 1, u, 0.5);
            return value;
          }};
}

TEST(SparsePlan, ArrowTakesOneColourAndItsHubs) {
  const SparsePlan plan = plan_sparse(502, arrow(500));
  EXPECT_EQ(plan.num_colours, 3);
  EXPECT_EQ(plan.factor_entries, 500 * 3 + 2 + 1);  // no fill
}

TEST(SparsePlan, ChainTakesThree) {
  CoordinatePairs pairs;
  for (int32_t i = 1; i < 100; ++i) pairs.emplace_back(i, i - 1);
  const SparsePlan plan = plan_sparse(100, pairs);
  EXPECT_EQ(plan.num_colours, 3);
  EXPECT_EQ(plan.factor_entries, 199);
}

TEST(SparsePlan, NoPairsTakeOneColour) { EXPECT_EQ(plan_sparse(7, {}).num_colours, 1); }

// A normal target is fitted exactly, by the first full step.
TEST(SparseNewton, NormalTargetIsExact) {
  const int n = 40;
  const PointDensity target = arrow_normal(n);
  const Context context;
  Objective objective(target, context);
  const SparsePlan plan = plan_sparse(n + 2, arrow(n));
  const std::vector<double> mean(n + 2, 0.0), sd(n + 2, 1.0);
  const SparseNewtonResult r = sparse_newton(objective, plan, mean, sd, {}, {1, 2});
  ASSERT_TRUE(r.normal);
  EXPECT_TRUE(r.converged);
  EXPECT_LT(r.gap, 1e-6);
  for (size_t d = 0; d < n + 2; ++d) EXPECT_NEAR(r.normal->mean()[d], static_cast<double>(d), 1e-5);
  // log p - log q is the same everywhere.
  Matrix z(n + 2, 8);
  std::vector<double> log_q(8), log_p(8);
  r.normal->draw({5, 5}, 0, 0, mutable_lanes(z), log_q);
  objective.evaluate(lanes_of(z), log_p);
  for (size_t l = 1; l < 8; ++l) EXPECT_NEAR(log_p[l] - log_q[l], log_p[0] - log_q[0], 1e-6);
}

// A start so wide that its draws are all far outside: it contracts before it can move.
TEST(SparseNewton, FindsItsWayFromAStartThatIsFarTooWide) {
  // Counts 3 of rates e^x, and a prior: at x = 50 the log density is -e^50.
  const PointDensity target(4, [](const std::vector<double>& x, std::vector<double>& g) {
    double value = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      value += 3 * x[i] - std::exp(x[i]) - 0.005 * x[i] * x[i];
      g[i] = 3 - std::exp(x[i]) - 0.01 * x[i];
    }
    return value;
  });
  const Context context;
  Objective objective(target, context);
  const SparsePlan plan = plan_sparse(4, {});
  const SparseNewtonResult r = sparse_newton(objective, plan, std::vector<double>(4, 5.0),
                                             std::vector<double>(4, 20.0), {}, {1, 2});
  ASSERT_TRUE(r.normal);
  EXPECT_TRUE(r.converged);
  for (const double m : r.normal->mean()) EXPECT_NEAR(m, std::log(3.0) - 0.15, 0.15);
}

TEST(SparseNewton, MatchesTheBestNormalOfAHierarchy) {
  // Non-centred eight schools: each effect meets mu and log tau only.
  const PointDensity target = testing::eight_schools_noncentered();
  const Context context;
  Objective objective(target, context);
  const SparsePlan plan = plan_sparse(10, arrow(8));
  SparseNewtonOptions o;
  o.batch = 256;
  o.gap_tolerance = 0.01;
  const SparseNewtonResult r = sparse_newton(objective, plan, std::vector<double>(10, 0.0),
                                             std::vector<double>(10, 1.0), o, {1, 2});
  ASSERT_TRUE(r.normal);
  EXPECT_TRUE(r.converged) << r.gap << " " << r.gap_error << " " << r.iterations;
  EXPECT_LT(r.gap, 0.01);
}

TEST(SparsePrecisionNormal, DrawsAndDensityAgree) {
  SparseLower t{{0, 2, 4, 5}, {0, 2, 1, 2, 2}, {2.0, -0.5, 1.5, 0.7, 3.0}};
  const SparsePrecisionNormal q({1, 2, 3}, {2, 0, 1}, t);
  Matrix noise(3, 5), z(3, 5), back(3, 5);
  numeric::fill_normal({3, 3}, 0, 0, 3, 5, noise.data(), 5);
  q.reparameterise(lanes_of(noise), mutable_lanes(z));
  q.whiten(lanes_of(z), mutable_lanes(back));
  EXPECT_LT((noise - back).cwiseAbs().maxCoeff(), 1e-12);
  // log q against the dense formula.
  Matrix dense = Matrix::Zero(3, 3);
  for (int k = 0; k < 3; ++k) {
    for (int e = t.column_start[static_cast<size_t>(k)];
         e < t.column_start[static_cast<size_t>(k) + 1]; ++e) {
      dense(t.row[static_cast<size_t>(e)], k) = t.value[static_cast<size_t>(e)];
    }
  }
  const int order[] = {2, 0, 1};
  Matrix p = Matrix::Zero(3, 3);
  for (int k = 0; k < 3; ++k) p(k, order[k]) = 1;
  const Matrix omega = p.transpose() * dense * dense.transpose() * p;
  std::vector<double> log_q(5);
  q.log_q(lanes_of(z), log_q);
  for (Index l = 0; l < 5; ++l) {
    const Vector x = z.col(l) - Vector{{1.0, 2.0, 3.0}};
    const double expected =
        -0.5 * x.dot(omega * x) + 0.5 * std::log(omega.determinant()) - 1.5 * std::log(2 * M_PI);
    EXPECT_NEAR(log_q[static_cast<size_t>(l)], expected, 1e-12);
  }
  std::vector<double> log_dense(5);
  q.to_full_rank().log_q(lanes_of(z), log_dense);
  for (size_t l = 0; l < 5; ++l) EXPECT_NEAR(log_q[l], log_dense[l], 1e-12);
  // whiten_gradient is the transpose of unwhiten.
  Matrix a(3, 1), b(3, 1), ta(3, 1), tb(3, 1);
  a << 1, -2, 0.5;
  b << 0.3, 1, -1;
  q.unwhiten(lanes_of(a), mutable_lanes(ta));
  q.whiten_gradient(lanes_of(b), mutable_lanes(tb));
  EXPECT_NEAR(ta.col(0).dot(b.col(0)), a.col(0).dot(tb.col(0)), 1e-12);
}

}  // namespace
}  // namespace vinci::infer
