// Constraint transforms: log Jacobians against finite differences, round trips, what the constraint
// promises.
#include "lower/transforms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "graph/graph.h"
#include "numeric/random/random_stream.h"

namespace vinci::lower {
namespace {

BoundType make_type(BaseType base, ConstraintKind kind, std::vector<int64_t> dims,
                    std::vector<int64_t> array_dims = {}) {
  BoundType type;
  type.base = base;
  type.constraint = kind;
  type.dims = std::move(dims);
  type.array_dims = std::move(array_dims);
  return type;
}

BoundType bounded(ConstraintKind kind, double low, double high, BaseType base = BaseType::kReal,
                  std::vector<int64_t> dims = {}) {
  BoundType type = make_type(base, kind, std::move(dims));
  type.low = Value::real(low);
  type.high = Value::real(high);
  return type;
}

struct Constrained {
  std::vector<double> x;
  double log_jacobian = 0;
};

/// The transform at a point, through the graph with constant inputs.
Constrained at(const BoundType& type, const std::vector<double>& y) {
  graph::Graph graph;
  std::vector<Scalar> in(y.begin(), y.end()), jacobian;
  const Value value = constrain(graph, type, in, {}, "x", &jacobian);
  Constrained out;
  for (const Scalar& s : value.elements) out.x.push_back(s.constant());
  for (const Scalar& s : jacobian) out.log_jacobian += s.constant();
  return out;
}

std::vector<double> random_point(int64_t n, uint64_t seed) {
  numeric::RandomStream random(seed);
  std::vector<double> y;
  for (int64_t k = 0; k < n; ++k) y.push_back(random.uniform(-2, 2));
  return y;
}

/// log |det| by Gaussian elimination with partial pivoting.
double log_abs_det(std::vector<std::vector<double>> m) {
  double log_det = 0;
  const size_t n = m.size();
  for (size_t c = 0; c < n; ++c) {
    size_t pivot = c;
    for (size_t r = c; r < n; ++r) {
      if (std::fabs(m[r][c]) > std::fabs(m[pivot][c])) pivot = r;
    }
    std::swap(m[c], m[pivot]);
    log_det += std::log(std::fabs(m[c][c]));
    for (size_t r = c + 1; r < n; ++r) {
      const double f = m[r][c] / m[c][c];
      for (size_t k = c; k < n; ++k) m[r][k] -= f * m[c][k];
    }
  }
  return log_det;
}

/// The Jacobian of the free elements of x, by fourth-order differences.
double log_jacobian_by_differences(const BoundType& type, const std::vector<double>& y,
                                   const std::vector<size_t>& free) {
  const double h = 1e-3;
  const size_t n = y.size();
  EXPECT_EQ(free.size(), n);
  std::vector<std::vector<double>> j(n, std::vector<double>(n));
  for (size_t c = 0; c < n; ++c) {
    const auto shifted = [&](double by) {
      std::vector<double> z = y;
      z[c] += by;
      return at(type, z).x;
    };
    const auto a = shifted(h), b = shifted(-h), a2 = shifted(2 * h), b2 = shifted(-2 * h);
    for (size_t r = 0; r < n; ++r) {
      const size_t k = free[r];
      j[r][c] = (8 * (a[k] - b[k]) - (a2[k] - b2[k])) / (12 * h);
    }
  }
  return log_abs_det(std::move(j));
}

struct Case {
  std::string name;
  BoundType type;
  std::vector<size_t> free;  // positions whose Jacobian is the one that is meant
};

std::vector<size_t> first(size_t n) {
  std::vector<size_t> out;
  for (size_t k = 0; k < n; ++k) out.push_back(k);
  return out;
}
std::vector<size_t> lower_positions(size_t rows, size_t cols, bool with_diagonal) {
  std::vector<size_t> out;
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < cols && (j < i || (with_diagonal && j == i)); ++j)
      out.push_back(i * cols + j);
  }
  return out;
}

std::vector<Case> cases() {
  using K = ConstraintKind;
  return {
      {"lower", bounded(K::kLower, 1.5, 0), first(1)},
      {"upper", bounded(K::kUpper, 0, -2), first(1)},
      {"lower_upper", bounded(K::kLowerUpper, -1, 3), first(1)},
      {"offset_multiplier", bounded(K::kOffsetMultiplier, 2, 0.5), first(1)},
      {"vector_lower", bounded(K::kLower, 0, 0, BaseType::kVector, {3}), first(3)},
      {"matrix_bounded", bounded(K::kLowerUpper, 0, 1, BaseType::kMatrix, {2, 3}), first(6)},
      {"ordered", make_type(BaseType::kVector, K::kOrdered, {4}), first(4)},
      {"positive_ordered", make_type(BaseType::kVector, K::kPositiveOrdered, {4}), first(4)},
      {"simplex", make_type(BaseType::kVector, K::kSimplex, {5}), first(4)},
      {"simplexes", make_type(BaseType::kVector, K::kSimplex, {3}, {2}), {0, 1, 3, 4}},
      {"column_stochastic", make_type(BaseType::kMatrix, K::kColumnStochastic, {3, 2}), first(4)},
      {"row_stochastic", make_type(BaseType::kMatrix, K::kRowStochastic, {2, 3}), {0, 1, 3, 4}},
      {"cholesky_factor_corr", make_type(BaseType::kMatrix, K::kCholeskyFactorCorr, {4, 4}),
       lower_positions(4, 4, false)},
      {"corr_matrix", make_type(BaseType::kMatrix, K::kCorrMatrix, {4, 4}),
       lower_positions(4, 4, false)},
      {"cholesky_factor_cov", make_type(BaseType::kMatrix, K::kCholeskyFactorCov, {4, 3}),
       lower_positions(4, 3, true)},
      {"cov_matrix", make_type(BaseType::kMatrix, K::kCovMatrix, {3, 3}),
       lower_positions(3, 3, true)},
  };
}

TEST(TransformsTest, LogJacobianIsThatOfFiniteDifferences) {
  for (const Case& c : cases()) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      const std::vector<double> y = random_point(unconstrained_size(c.type), seed);
      EXPECT_NEAR(at(c.type, y).log_jacobian, log_jacobian_by_differences(c.type, y, c.free), 1e-7)
          << c.name << " seed " << seed;
    }
  }
}

TEST(TransformsTest, UnconstrainIsTheInverse) {
  std::vector<Case> all = cases();
  all.push_back({"sum_to_zero", make_type(BaseType::kVector, ConstraintKind::kSumToZero, {5}), {}});
  all.push_back(
      {"sum_to_zero_matrix", make_type(BaseType::kMatrix, ConstraintKind::kSumToZero, {3, 4}), {}});
  all.push_back({"matrix", make_type(BaseType::kMatrix, ConstraintKind::kNone, {2, 3}, {2}), {}});
  for (const Case& c : all) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      const std::vector<double> y = random_point(unconstrained_size(c.type), seed);
      graph::Graph graph;
      const std::vector<Scalar> in(y.begin(), y.end());
      const Value value = constrain(graph, c.type, in, {}, "x", nullptr);
      std::vector<double> back;
      EXPECT_EQ(unconstrain(c.type, value, back), "") << c.name;
      ASSERT_EQ(back.size(), y.size()) << c.name;
      for (size_t k = 0; k < y.size(); ++k) EXPECT_NEAR(back[k], y[k], 1e-10) << c.name;
    }
  }
}

TEST(TransformsTest, MatrixCoordinatesAreColumnMajor) {
  const auto x =
      at(make_type(BaseType::kMatrix, ConstraintKind::kNone, {2, 3}), {1, 2, 3, 4, 5, 6}).x;
  EXPECT_EQ(x, (std::vector<double>{1, 3, 5, 2, 4, 6}));
}

TEST(TransformsTest, ComplexMatrixCoordinatesAreColumnMajorPairs) {
  const auto type = make_type(BaseType::kComplexMatrix, ConstraintKind::kNone, {2, 2});
  const std::vector<double> y = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(at(type, y).x, (std::vector<double>{1, 2, 5, 6, 3, 4, 7, 8}));
}

TEST(TransformsTest, SimplexAtZeroIsUniform) {
  const auto x = at(make_type(BaseType::kVector, ConstraintKind::kSimplex, {4}), {0, 0, 0}).x;
  for (double v : x) EXPECT_NEAR(v, 0.25, 1e-15);
}

TEST(TransformsTest, SumToZeroSumsToZeroAndKeepsLength) {
  const auto type = make_type(BaseType::kVector, ConstraintKind::kSumToZero, {6});
  const std::vector<double> y = random_point(5, 7);
  const auto x = at(type, y).x;
  double sum = 0, length = 0, expected = 0;
  for (double v : x) {
    sum += v;
    length += v * v;
  }
  for (double v : y) expected += v * v;
  EXPECT_NEAR(sum, 0, 1e-14);
  EXPECT_NEAR(length, expected, 1e-13);
}

TEST(TransformsTest, UnitVectorHasLengthOne) {
  const auto type = make_type(BaseType::kVector, ConstraintKind::kUnitVector, {3});
  const Constrained c = at(type, {1, -2, 2});
  EXPECT_NEAR(c.x[0], 1.0 / 3, 1e-15);
  EXPECT_NEAR(c.log_jacobian, -4.5, 1e-14);
}

TEST(TransformsTest, FarCoordinatesStayFinite) {
  for (const Case& c : cases()) {
    for (double far : {-600.0, 600.0}) {
      const std::vector<double> y(static_cast<size_t>(unconstrained_size(c.type)), far);
      EXPECT_FALSE(std::isnan(at(c.type, y).log_jacobian)) << c.name << " at " << far;
    }
  }
}

TEST(TransformsTest, InfiniteBoundsFallAway) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(at(bounded(ConstraintKind::kLowerUpper, -infinity, infinity), {0.3}).x[0], 0.3);
  EXPECT_NEAR(at(bounded(ConstraintKind::kLowerUpper, 0, infinity), {0.3}).x[0], std::exp(0.3),
              1e-15);
  EXPECT_NEAR(at(bounded(ConstraintKind::kLowerUpper, -infinity, 1), {0.3}).x[0], 1 - std::exp(0.3),
              1e-15);
}

TEST(TransformsTest, UnconstrainNamesWhatIsWrong) {
  std::vector<double> out;
  EXPECT_NE(unconstrain(bounded(ConstraintKind::kLower, 0, 0), Value::real(-1), out), "");
  EXPECT_NE(unconstrain(bounded(ConstraintKind::kLower, 0, 0), Value::real(0), out), "");
  const auto simplex = make_type(BaseType::kVector, ConstraintKind::kSimplex, {2});
  EXPECT_NE(unconstrain(simplex, Value::vector({Scalar(0.5), Scalar(0.6)}), out), "");
  const auto ordered = make_type(BaseType::kVector, ConstraintKind::kOrdered, {2});
  EXPECT_NE(unconstrain(ordered, Value::vector({Scalar(2), Scalar(1)}), out), "");
}

}  // namespace
}  // namespace vinci::lower
