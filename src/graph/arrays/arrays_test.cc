// Every array function: adjoints against finite differences, independence of lanes, the value by
// definition, failures.
#include "graph/arrays/arrays.h"

#include <gtest/gtest.h>

#include <cmath>

#include "numeric/random/random_stream.h"
#include "numeric/simd/target.h"

namespace vinci::graph {
namespace {

using Rows = std::vector<std::vector<double>>;

std::vector<const double*> read(const Rows& rows) {
  std::vector<const double*> p;
  for (const auto& r : rows) p.push_back(r.data());
  return p;
}
std::vector<double*> write(Rows& rows) {
  std::vector<double*> p;
  for (auto& r : rows) p.push_back(r.data());
  return p;
}

struct Result {
  Rows out;
  std::vector<double> scratch;
};
Result evaluate(const ArrayFunction& f, const Rows& in, int lanes) {
  Result r;
  r.out.assign(static_cast<size_t>(f.num_outputs()),
               std::vector<double>(static_cast<size_t>(lanes)));
  r.scratch.resize(static_cast<size_t>(f.scratch_size() * lanes));
  f.forward(read(in).data(), write(r.out).data(), r.scratch.data(), lanes);
  return r;
}

/// sum_j w_j out_j in a lane, as a function of input k: its derivative by reverse and by
/// differences.
void expect_adjoints(const ArrayFunction& f, const Rows& in, double tolerance = 1e-6) {
  const auto lanes = static_cast<int>(in[0].size());
  numeric::RandomStream random(5);
  Rows weights(static_cast<size_t>(f.num_outputs()),
               std::vector<double>(static_cast<size_t>(lanes)));
  for (auto& row : weights)
    for (double& w : row) w = random.normal();
  Result base = evaluate(f, in, lanes);
  Rows adjoint(in.size(), std::vector<double>(static_cast<size_t>(lanes), 1.0));
  std::vector<double*> adjoint_rows = write(adjoint);
  adjoint_rows[0] = nullptr;  // a constant input
  f.reverse(read(in).data(), read(base.out).data(), read(weights).data(), adjoint_rows.data(),
            base.scratch.data(), lanes);
  for (size_t k = 1; k < in.size(); ++k) {
    const double h = 1e-5;
    Rows up = in;
    Rows down = in;
    for (double& x : up[k]) x += h;
    for (double& x : down[k]) x -= h;
    const Rows high = evaluate(f, up, lanes).out;
    const Rows low = evaluate(f, down, lanes).out;
    for (size_t lane = 0; lane < in[0].size(); ++lane) {
      double slope = 0;
      for (size_t j = 0; j < weights.size(); ++j)
        slope += weights[j][lane] * (high[j][lane] - low[j][lane]) / (2 * h);
      EXPECT_NEAR(adjoint[k][lane] - 1, slope, tolerance * (1 + std::abs(slope)))
          << f.name() << " input " << k << " lane " << lane;
    }
  }
}

Rows normal_rows(int count, int lanes, uint64_t seed) {
  numeric::RandomStream random(seed);
  Rows rows(static_cast<size_t>(count), std::vector<double>(static_cast<size_t>(lanes)));
  for (auto& row : rows)
    for (double& x : row) x = random.normal();
  return rows;
}
size_t packed(int i, int j) { return static_cast<size_t>(i * (i + 1) / 2 + j); }
/// Lower triangle of B B' + I for random B.
Rows positive_definite(int n, int lanes) {
  const Rows b = normal_rows(n * n, lanes, 9);
  Rows a(packed(n, 0), std::vector<double>(static_cast<size_t>(lanes)));
  for (int i = 0; i < n; ++i)
    for (int j = 0; j <= i; ++j)
      for (size_t lane = 0; lane < static_cast<size_t>(lanes); ++lane) {
        double s = i == j ? 1 : 0;
        for (int k = 0; k < n; ++k)
          s += b[static_cast<size_t>(i * n + k)][lane] * b[static_cast<size_t>(j * n + k)][lane];
        a[packed(i, j)][lane] = s;
      }
  return a;
}
Rows concatenate(Rows a, const Rows& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class Arrays : public testing::TestWithParam<numeric::SimdTarget> {
 protected:
  void SetUp() override {
    before_ = numeric::simd_target();
    if (!numeric::set_simd_target(GetParam()))
      GTEST_SKIP() << "this machine lacks the instruction set";
  }
  void TearDown() override { numeric::set_simd_target(before_); }

 private:
  numeric::SimdTarget before_ = numeric::SimdTarget::kBaseline;
};

TEST_P(Arrays, DataMatrixProduct) {
  for (int lanes : {8, 16, 24})
    for (int rows : {1, 7, 8, 19})
      for (int cols : {1, 3, 17}) {
        numeric::RandomStream random(3);
        std::vector<double> m(static_cast<size_t>(rows * cols));
        for (double& x : m) x = random.normal();
        const auto f = data_matrix_product(m, rows, cols);
        const Rows x = normal_rows(cols, lanes, 4);
        const Rows y = evaluate(*f, x, lanes).out;
        for (int i = 0; i < rows; ++i)
          for (size_t lane = 0; lane < static_cast<size_t>(lanes); ++lane) {
            double want = 0;
            for (int k = 0; k < cols; ++k)
              want += m[static_cast<size_t>(i * cols + k)] * x[static_cast<size_t>(k)][lane];
            EXPECT_NEAR(y[static_cast<size_t>(i)][lane], want, 1e-13);
          }
        expect_adjoints(*f, x);
      }
  // Deeper than one cache block, where sums continue from the block before.
  std::vector<double> ones(700, 1.0);
  const Rows y =
      evaluate(*data_matrix_product(ones, 1, 700), Rows(700, std::vector<double>(8, 2.0)), 8).out;
  EXPECT_EQ(y[0][7], 1400);
}

TEST_P(Arrays, SparseDataMatrixProduct) {
  for (int lanes : {8, 24})
    for (int rows : {1, 9})
      for (int cols : {5, 300}) {  // more than one block of columns
        numeric::RandomStream random(7);
        std::vector<double> m(static_cast<size_t>(rows * cols), 0.0);
        for (size_t i = 0; i < m.size(); i += 4) m[i] = random.normal();
        const auto f = data_matrix_product(m, rows, cols);
        const Rows x = normal_rows(cols, lanes, 8);
        const Rows y = evaluate(*f, x, lanes).out;
        for (int i = 0; i < rows; ++i)
          for (size_t lane = 0; lane < static_cast<size_t>(lanes); ++lane) {
            double want = 0;
            for (int k = 0; k < cols; ++k)
              want += m[static_cast<size_t>(i * cols + k)] * x[static_cast<size_t>(k)][lane];
            EXPECT_NEAR(y[static_cast<size_t>(i)][lane], want, 1e-12);
          }
        expect_adjoints(*f, x);
        EXPECT_TRUE(f->equals(*data_matrix_product(m, rows, cols)));
        m[0] += 1;
        EXPECT_FALSE(f->equals(*data_matrix_product(m, rows, cols)));
      }
}

TEST_P(Arrays, RepeatedInputsOfADataMatrixProductAddUp) {
  const auto f = data_matrix_product({1, 2, 3, 4, 5, 6}, 2, 3);
  const Rows x(3, std::vector<double>(8, 1.0));
  Result r = evaluate(*f, x, 8);
  Rows weights(2, std::vector<double>(8, 1.0));
  std::vector<double> shared(8, 0.0);
  std::vector<double*> adjoint = {shared.data(), nullptr, shared.data()};
  f->reverse(read(x).data(), read(r.out).data(), read(weights).data(), adjoint.data(),
             r.scratch.data(), 8);
  EXPECT_EQ(shared[3], 1 + 4 + 3 + 6);
}

TEST_P(Arrays, MatrixProduct) {
  const auto f = matrix_product(3, 4, 5);
  const Rows in = normal_rows(12 + 20, 16, 6);
  const Rows c = evaluate(*f, in, 16).out;
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 5; ++j) {
      double want = 0;
      for (size_t k = 0; k < 4; ++k) want += in[i * 4 + k][9] * in[12 + k * 5 + j][9];
      EXPECT_NEAR(c[i * 5 + j][9], want, 1e-13);
    }
  expect_adjoints(*f, in);
}

TEST_P(Arrays, CholeskyDecompose) {
  for (int n : {1, 2, 5, 11}) {
    const auto f = cholesky_decompose(n);
    const Rows a = positive_definite(n, 16);
    const Rows l = evaluate(*f, a, 16).out;
    for (int i = 0; i < n; ++i)
      for (int j = 0; j <= i; ++j) {
        double want = 0;
        for (int k = 0; k <= j; ++k) want += l[packed(i, k)][10] * l[packed(j, k)][10];
        EXPECT_NEAR(want, a[packed(i, j)][10], 1e-12);
      }
    expect_adjoints(*f, a);
  }
}

TEST_P(Arrays, CholeskyFailureStaysInItsLane) {
  Rows a = positive_definite(3, 8);
  const Rows before = evaluate(*cholesky_decompose(3), a, 8).out;
  a[packed(1, 1)][2] = -1;
  const Rows after = evaluate(*cholesky_decompose(3), a, 8).out;
  for (size_t k = 0; k < after.size(); ++k)
    for (size_t lane = 0; lane < 8; ++lane) {
      if (lane == 2)
        EXPECT_TRUE(std::isnan(after[k][lane]));
      else
        EXPECT_EQ(after[k][lane], before[k][lane]);
    }
}

TEST_P(Arrays, TriangularSolve) {
  for (bool transposed : {false, true}) {
    const int n = 5;
    const Rows l = evaluate(*cholesky_decompose(n), positive_definite(n, 8), 8).out;
    for (int m : {1, 3}) {
      const auto f = triangular_solve(n, m, transposed);
      const Rows in = concatenate(l, normal_rows(n * m, 8, 12));
      const Rows x = evaluate(*f, in, 8).out;
      for (int i = 0; i < n; ++i)
        for (int c = 0; c < m; ++c) {
          double s = 0;
          for (int k = 0; k < n; ++k) {
            const int r = transposed ? k : i;
            const int q = transposed ? i : k;
            if (q <= r) s += l[packed(r, q)][3] * x[static_cast<size_t>(k * m + c)][3];
          }
          EXPECT_NEAR(s, in[packed(n, 0) + static_cast<size_t>(i * m + c)][3], 1e-12);
        }
      expect_adjoints(*f, in, 1e-5);
    }
  }
}

TEST_P(Arrays, Decompositions) {
  for (int n : {1, 2, 4}) {
    Rows a = normal_rows(n * n, 8, 20);
    for (int i = 0; i < n; ++i)
      for (double& x : a[static_cast<size_t>(i * n + i)]) x += 3;
    expect_adjoints(*symmetric_eigen(n), positive_definite(n, 8), 1e-5);
    expect_adjoints(*matrix_inverse(n), a, 1e-5);
    expect_adjoints(*lu_solve(n, 2), concatenate(a, normal_rows(n * 2, 8, 21)), 1e-5);
    expect_adjoints(*log_abs_determinant(n), a, 1e-5);
    expect_adjoints(*determinant(n), a, 1e-5);
    expect_adjoints(*matrix_exponential(n), normal_rows(n * n, 8, 22), 1e-5);
  }
  for (auto [m, n] : {std::pair{3, 3}, {5, 3}, {3, 5}})
    expect_adjoints(*svd(m, n), normal_rows(m * n, 8, 23), 1e-4);
  for (auto [m, n] : {std::pair{3, 3}, {5, 3}})
    expect_adjoints(*qr_thin(m, n), normal_rows(m * n, 8, 24), 1e-4);
}

TEST(ArrayValues, ByDefinition) {
  const int lanes = 8;
  const Rows a = normal_rows(9, lanes, 30);
  const auto element = [](const Rows& m, size_t cols, size_t i, size_t j) {
    return m[i * cols + j][5];
  };
  const Rows inverse = evaluate(*matrix_inverse(3), a, lanes).out;
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j) {
      double s = 0;
      for (size_t k = 0; k < 3; ++k) s += element(a, 3, i, k) * element(inverse, 3, k, j);
      EXPECT_NEAR(s, i == j ? 1 : 0, 1e-12);
    }
  // exp of [0 t; -t 0] is a rotation.
  const Rows rotation = evaluate(*matrix_exponential(2),
                                 {std::vector<double>(8, 0.0), std::vector<double>(8, 0.7),
                                  std::vector<double>(8, -0.7), std::vector<double>(8, 0.0)},
                                 8)
                            .out;
  EXPECT_NEAR(rotation[0][0], std::cos(0.7), 1e-14);
  EXPECT_NEAR(rotation[1][0], std::sin(0.7), 1e-14);
  // A singular lane fails alone.
  Rows singular = a;
  for (size_t k = 0; k < 9; ++k) singular[k][1] = 1;
  const Rows r = evaluate(*matrix_inverse(3), singular, lanes).out;
  EXPECT_TRUE(std::isnan(r[0][1]));
  EXPECT_EQ(r[0][5], inverse[0][5]);
}

TEST(ArrayValues, EqualFunctionsMergeInTheGraph) {
  Graph g;
  const Scalar x = g.parameter(0);
  const Scalar a = g.call(cholesky_decompose(1), std::vector<Scalar>{x})[0];
  const Scalar b = g.call(cholesky_decompose(1), std::vector<Scalar>{x})[0];
  const Scalar c = g.call(matrix_inverse(1), std::vector<Scalar>{x})[0];
  EXPECT_TRUE(a.identical(b));
  EXPECT_FALSE(a.identical(c));
}

INSTANTIATE_TEST_SUITE_P(Targets, Arrays,
                         testing::Values(numeric::SimdTarget::kBaseline, numeric::SimdTarget::kAvx2,
                                         numeric::SimdTarget::kAvx512),
                         [](const auto& target) {
                           return std::string(numeric::simd_target_name(target.param));
                         });

}  // namespace
}  // namespace vinci::graph
