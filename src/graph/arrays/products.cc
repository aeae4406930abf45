// Matrix products and triangular factorisations on the lane kernels of numeric/linalg.
#include <algorithm>

#include "graph/arrays/arrays.h"
#include "graph/tangent.h"
#include "numeric/linalg/lane_algorithms.h"
#include "numeric/linalg/panels.h"

namespace vinci::graph {
namespace {

using namespace numeric;  // NOLINT: the dispatch macro names its namespaces from there

int triangle(int n) { return n * (n + 1) / 2; }

/// Up to this share of nonzero elements a product goes faster over them alone: it waits for loads
/// where the dense one multiplies.
constexpr double kMaxSparseShare = 0.4;

class DataMatrixProduct final : public ArrayFunction {
 public:
  DataMatrixProduct(const std::vector<double>& matrix, int64_t rows, int64_t cols)
      : rows_(rows), cols_(cols) {
    const auto zeros = std::count(matrix.begin(), matrix.end(), 0.0);
    is_sparse_ = static_cast<double>(std::ssize(matrix) - zeros) <=
                     kMaxSparseShare * static_cast<double>(matrix.size()) &&
                 !matrix.empty();
    if (is_sparse_) {
      sparse_ = make_sparse_blocks(matrix.data(), rows, cols, false);
      sparse_transposed_ = make_sparse_blocks(matrix.data(), rows, cols, true);
    } else {
      panels_ = make_panels(matrix.data(), rows, cols, false);
      transposed_ = make_panels(matrix.data(), rows, cols, true);
    }
  }

  std::string name() const override { return "data_matrix_product"; }
  bool linear() const override { return true; }
  int num_inputs() const override { return static_cast<int>(cols_); }
  int num_outputs() const override { return static_cast<int>(rows_); }
  int64_t scratch_size() const override { return 1; }
  bool equals(const ArrayFunction& other) const override {
    const auto* same = dynamic_cast<const DataMatrixProduct*>(&other);
    return same && same->rows_ == rows_ && same->cols_ == cols_ &&
           same->sparse_.starts == sparse_.starts && same->sparse_.columns == sparse_.columns &&
           same_bits(same->sparse_.values, sparse_.values) && same_bits(same->panels_, panels_);
  }
  void forward(const double* const* in, double* const* out, double* scratch,
               int lanes) const override {
    multiply(false, in, out, false, scratch, lanes);
  }
  void reverse(const double* const* /*in*/, const double* const* /*out*/,
               const double* const* adjoint_out, double* const* adjoint_in, double* scratch,
               int lanes) const override {
    // The padding of the last panel adds to this row: keep it finite.
    std::fill_n(scratch, lanes, 0.0);
    // Two inputs that are one node share a row, which the panels would add to from copies.
    std::vector<double*> targets(adjoint_in, adjoint_in + cols_);
    std::vector<double*> sorted;
    for (double* p : targets)
      if (p) sorted.push_back(p);
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) {
      multiply(true, adjoint_out, adjoint_in, true, scratch, lanes);
      return;
    }
    const auto width = static_cast<size_t>(lanes);
    std::vector<double> own(targets.size() * width);
    std::vector<double*> rows(targets.size());
    for (size_t k = 0; k < targets.size(); ++k) rows[k] = targets[k] ? &own[k * width] : nullptr;
    multiply(true, adjoint_out, rows.data(), false, scratch, lanes);
    for (size_t k = 0; k < targets.size(); ++k)
      for (size_t lane = 0; targets[k] && lane < width; ++lane) targets[k][lane] += rows[k][lane];
  }

 private:
  static bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
    return a.size() == b.size() &&
           (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
  }
  /// y = A x or A'x, or += where accumulate.
  void multiply(bool transposed, const double* const* x, double* const* y, bool accumulate,
                double* spare, int lanes) const {
    const int64_t rows = transposed ? cols_ : rows_;
    if (is_sparse_) {
      const SparseBlocks& s = transposed ? sparse_transposed_ : sparse_;
      VINCI_SIMD_SELECT(sparse_product)(rows, s.blocks, s.starts.data(), s.columns.data(),
                                        s.values.data(), x, y, accumulate, lanes);
    } else {
      VINCI_SIMD_SELECT(panel_product)(rows, transposed ? rows_ : cols_,
                                       (transposed ? transposed_ : panels_).data(), x, y,
                                       accumulate, spare, lanes);
    }
  }

  int64_t rows_;
  int64_t cols_;
  bool is_sparse_;
  std::vector<double> panels_;
  std::vector<double> transposed_;
  SparseBlocks sparse_;
  SparseBlocks sparse_transposed_;
};

class MatrixProduct final : public ArrayFunction, public HasTangent {
 public:
  MatrixProduct(int m, int k, int n) : m_(m), k_(k), n_(n) {}
  std::string name() const override { return "matrix_product"; }
  int num_inputs() const override { return m_ * k_ + k_ * n_; }
  int num_outputs() const override { return m_ * n_; }
  int64_t scratch_size() const override { return m_ * k_ + k_ * n_ + m_ * n_; }
  bool equals(const ArrayFunction& other) const override {
    const auto* same = dynamic_cast<const MatrixProduct*>(&other);
    return same && same->m_ == m_ && same->k_ == k_ && same->n_ == n_;
  }
  void forward(const double* const* in, double* const* out, double* scratch,
               int lanes) const override {
    VINCI_SIMD_SELECT(matrix_product_forward)(m_, k_, n_, in, in + m_ * k_, out, scratch, lanes);
  }
  void reverse(const double* const* /*in*/, const double* const* /*out*/,
               const double* const* adjoint_out, double* const* adjoint_in, double* scratch,
               int lanes) const override {
    VINCI_SIMD_SELECT(matrix_product_reverse)
    (m_, k_, n_, adjoint_out, adjoint_in, adjoint_in + m_ * k_, scratch, lanes);
  }
  /// A' B + A B'.
  std::vector<Scalar> tangent(Graph& g, std::span<const Scalar> in, std::span<const Scalar>,
                              std::span<const Scalar> in_dot) const override {
    const auto split = static_cast<size_t>(m_ * k_);
    const auto product = [&](std::span<const Scalar> a, std::span<const Scalar> b) {
      std::vector<Scalar> both(a.begin(), a.end());
      both.insert(both.end(), b.begin(), b.end());
      return g.call(std::make_shared<MatrixProduct>(m_, k_, n_), both);
    };
    std::vector<Scalar> sum = product(in_dot.first(split), in.subspan(split));
    const std::vector<Scalar> second = product(in.first(split), in_dot.subspan(split));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] = g.add(sum[i], second[i]);
    return sum;
  }

 private:
  int m_, k_, n_;
};

class CholeskyDecompose final : public ArrayFunction, public HasTangent {
 public:
  explicit CholeskyDecompose(int n) : n_(n) {}
  std::string name() const override { return "cholesky_decompose"; }
  int num_inputs() const override { return triangle(n_); }
  int num_outputs() const override { return triangle(n_); }
  int64_t scratch_size() const override { return 2 * triangle(n_); }
  bool equals(const ArrayFunction& other) const override {
    const auto* same = dynamic_cast<const CholeskyDecompose*>(&other);
    return same && same->n_ == n_;
  }
  void forward(const double* const* in, double* const* out, double* scratch,
               int lanes) const override {
    VINCI_SIMD_SELECT(cholesky_forward)(n_, in, out, scratch, lanes);
  }
  void reverse(const double* const* /*in*/, const double* const* /*out*/,
               const double* const* adjoint_out, double* const* adjoint_in, double* scratch,
               int lanes) const override {
    VINCI_SIMD_SELECT(cholesky_reverse)(n_, adjoint_out, adjoint_in, scratch, lanes);
  }
  std::vector<Scalar> tangent(Graph& g, std::span<const Scalar> in, std::span<const Scalar> out,
                              std::span<const Scalar> in_dot) const override;

 private:
  int n_;
};

class TriangularSolve final : public ArrayFunction, public HasTangent {
 public:
  TriangularSolve(int n, int m, bool transposed) : n_(n), m_(m), transposed_(transposed) {}
  std::string name() const override {
    return transposed_ ? "triangular_solve_transposed" : "triangular_solve";
  }
  int num_inputs() const override { return triangle(n_) + n_ * m_; }
  int num_outputs() const override { return n_ * m_; }
  int64_t scratch_size() const override { return triangle(n_) + 2 * n_ * m_; }
  bool equals(const ArrayFunction& other) const override {
    const auto* same = dynamic_cast<const TriangularSolve*>(&other);
    return same && same->n_ == n_ && same->m_ == m_ && same->transposed_ == transposed_;
  }
  void forward(const double* const* in, double* const* out, double* scratch,
               int lanes) const override {
    VINCI_SIMD_SELECT(triangular_solve_forward)
    (n_, m_, transposed_, in, in + triangle(n_), out, scratch, lanes);
  }
  void reverse(const double* const* /*in*/, const double* const* /*out*/,
               const double* const* adjoint_out, double* const* adjoint_in, double* scratch,
               int lanes) const override {
    VINCI_SIMD_SELECT(triangular_solve_reverse)
    (n_, m_, transposed_, adjoint_out, adjoint_in, adjoint_in + triangle(n_), scratch, lanes);
  }
  /// X' with L X' = B' - L' X (a dot, not a transpose), or the same of the transposed.
  std::vector<Scalar> tangent(Graph& g, std::span<const Scalar> in, std::span<const Scalar> out,
                              std::span<const Scalar> in_dot) const override {
    const auto size = static_cast<size_t>(triangle(n_));
    std::vector<Scalar> inputs(in.begin(), in.begin() + static_cast<ptrdiff_t>(size));
    for (int i = 0; i < n_; ++i) {
      for (int j = 0; j < m_; ++j) {
        std::vector<Scalar> a, b;
        for (int k = transposed_ ? i : 0; k < (transposed_ ? n_ : i + 1); ++k) {
          a.push_back(in_dot[static_cast<size_t>(transposed_ ? triangle(k) + i : triangle(i) + k)]);
          b.push_back(out[static_cast<size_t>(k * m_ + j)]);
        }
        inputs.push_back(g.sub(in_dot[size + static_cast<size_t>(i * m_ + j)], g.dot(a, b)));
      }
    }
    return g.call(std::make_shared<TriangularSolve>(n_, m_, transposed_), inputs);
  }

 private:
  int n_, m_;
  bool transposed_;
};

/// L Phi(L^-1 A' L^-T), Phi: the lower triangle with half of the diagonal.  [Murray 2016, arXiv
/// 1602.07527, section 3]
std::vector<Scalar> CholeskyDecompose::tangent(Graph& g, std::span<const Scalar>,
                                               std::span<const Scalar> out,
                                               std::span<const Scalar> in_dot) const {
  const auto solve = [&](const std::vector<Scalar>& b) {
    std::vector<Scalar> inputs(out.begin(), out.end());
    inputs.insert(inputs.end(), b.begin(), b.end());
    return g.call(std::make_shared<TriangularSolve>(n_, n_, false), inputs);
  };
  const auto at = [&](int i, int j) { return static_cast<size_t>(i * n_ + j); };
  std::vector<Scalar> full(at(n_, 0));
  for (int i = 0; i < n_; ++i)
    for (int j = 0; j < n_; ++j)
      full[at(i, j)] = in_dot[static_cast<size_t>(triangle(std::max(i, j)) + std::min(i, j))];
  const std::vector<Scalar> half = solve(full);
  std::vector<Scalar> transposed(full.size());
  for (int i = 0; i < n_; ++i)
    for (int j = 0; j < n_; ++j) transposed[at(i, j)] = half[at(j, i)];
  const std::vector<Scalar> inner = solve(transposed);  // symmetric
  std::vector<Scalar> result;
  for (int i = 0; i < n_; ++i) {
    for (int j = 0; j <= i; ++j) {
      std::vector<Scalar> a, b;
      for (int k = j; k <= i; ++k) {
        a.push_back(out[static_cast<size_t>(triangle(i) + k)]);
        b.push_back(k == j ? g.mul(0.5, inner[at(k, j)]) : inner[at(k, j)]);
      }
      result.push_back(g.dot(a, b));
    }
  }
  return result;
}

}  // namespace

ArrayFunctionPtr data_matrix_product(const std::vector<double>& matrix, int64_t rows,
                                     int64_t cols) {
  VINCI_CHECK(static_cast<int64_t>(matrix.size()) == rows * cols);
  return std::make_shared<DataMatrixProduct>(matrix, rows, cols);
}
ArrayFunctionPtr matrix_product(int m, int k, int n) {
  return std::make_shared<MatrixProduct>(m, k, n);
}
ArrayFunctionPtr cholesky_decompose(int n) { return std::make_shared<CholeskyDecompose>(n); }
ArrayFunctionPtr triangular_solve(int n, int m, bool transposed) {
  return std::make_shared<TriangularSolve>(n, m, transposed);
}

}  // namespace vinci::graph
