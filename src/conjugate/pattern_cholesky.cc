#include <Eigen/Dense>
#include <Eigen/SparseCholesky>
#include <algorithm>
#include <cmath>
#include <limits>

#include "conjugate/normal_block.h"

namespace vinci::conjugate {

namespace {
constexpr int64_t kDenseSize = 48;     // up to here dense without a look at the pattern
constexpr int64_t kDenseLimit = 1500;  // from here on sparse even where a third is filled
using Sparse = Eigen::SparseMatrix<double, Eigen::ColMajor, int>;
}  // namespace

struct PatternCholesky::State {
  bool is_dense = true;
  Eigen::MatrixXd matrix;
  Eigen::LLT<Eigen::MatrixXd> dense;
  Sparse sparse;
  std::vector<int> value_position;  // of the pattern in the sparse matrix
  Eigen::SimplicialLDLT<Sparse, Eigen::Lower> ldlt;
  // The inverse on the pattern of the factor: its diagonal, and below it by columns.
  std::vector<double> z_diagonal, z;
  std::vector<std::vector<std::pair<int, int>>> rows;  // by column: (row, position), sorted
};

PatternCholesky::PatternCholesky(int64_t size, std::vector<std::pair<int32_t, int32_t>> pattern)
    : state_(std::make_unique<State>()), size_(size), pattern_(std::move(pattern)) {
  const auto filled = static_cast<int64_t>(pattern_.size());
  state_->is_dense =
      size <= kDenseSize || (size <= kDenseLimit && 6 * filled > size * (size + 1) / 2);
  if (state_->is_dense) return;
  std::vector<Eigen::Triplet<double>> entries;
  for (const auto& [i, j] : pattern_) entries.emplace_back(i, j, 1.0);
  state_->sparse.resize(static_cast<int>(size), static_cast<int>(size));
  state_->sparse.setFromTriplets(entries.begin(), entries.end());
  state_->sparse.makeCompressed();
  for (const auto& [i, j] : pattern_) {
    const int* begin = state_->sparse.innerIndexPtr() + state_->sparse.outerIndexPtr()[j];
    const int* end = state_->sparse.innerIndexPtr() + state_->sparse.outerIndexPtr()[j + 1];
    state_->value_position.push_back(
        static_cast<int>(std::lower_bound(begin, end, i) - state_->sparse.innerIndexPtr()));
  }
  state_->ldlt.analyzePattern(state_->sparse);
}

PatternCholesky::~PatternCholesky() = default;

bool PatternCholesky::factor(std::span<const double> values) {
  State& s = *state_;
  for (double v : values) {
    if (!std::isfinite(v)) return false;
  }
  log_det_ = 0;
  if (s.is_dense) {
    s.matrix.setZero(size_, size_);
    for (size_t k = 0; k < pattern_.size(); ++k) {
      s.matrix(pattern_[k].first, pattern_[k].second) = values[k];
    }
    s.dense.compute(s.matrix.selfadjointView<Eigen::Lower>());
    if (s.dense.info() != Eigen::Success) return false;
    for (int64_t i = 0; i < size_; ++i) {
      const double d = s.dense.matrixLLT()(i, i);
      // A pivot that is rounding of what was there is none: the matrix is singular.
      if (!(d * d > 4e-15 * s.matrix(i, i))) return false;
      log_det_ += 2 * std::log(d);
    }
    return true;
  }
  for (size_t k = 0; k < values.size(); ++k) s.sparse.valuePtr()[s.value_position[k]] = values[k];
  s.ldlt.factorize(s.sparse);
  if (s.ldlt.info() != Eigen::Success) return false;
  const auto d = s.ldlt.vectorD();
  for (int64_t i = 0; i < size_; ++i) {
    const int64_t original = s.ldlt.permutationPinv().indices()(i);
    if (!(d(i) > 4e-15 * s.sparse.coeff(static_cast<int>(original), static_cast<int>(original))))
      return false;
    log_det_ += std::log(d(i));
  }
  return true;
}

void PatternCholesky::solve(std::span<const double> rhs, std::span<double> x) const {
  const Eigen::Map<const Eigen::VectorXd> b(rhs.data(), size_);
  Eigen::Map<Eigen::VectorXd> out(x.data(), size_);
  out = state_->is_dense ? Eigen::VectorXd(state_->dense.solve(b))
                         : Eigen::VectorXd(state_->ldlt.solve(b));
}

void PatternCholesky::solve_root(std::span<const double> noise, std::span<double> x) const {
  const Eigen::Map<const Eigen::VectorXd> b(noise.data(), size_);
  Eigen::Map<Eigen::VectorXd> out(x.data(), size_);
  if (state_->is_dense) {
    out = state_->dense.matrixU().solve(b);
    return;
  }
  // P = Q' L D L' Q with the permutation Q: x = Q' L'^-1 D^-1/2 noise
  Eigen::VectorXd t = b.cwiseQuotient(state_->ldlt.vectorD().cwiseSqrt());
  state_->ldlt.matrixU().solveInPlace(t);
  out = state_->ldlt.permutationPinv() * t;
}

void PatternCholesky::inverse(std::span<double> values) {
  State& s = *state_;
  if (s.is_dense) {
    s.matrix.setIdentity();
    s.dense.solveInPlace(s.matrix);
    for (size_t k = 0; k < pattern_.size(); ++k) {
      values[k] = s.matrix(pattern_[k].first, pattern_[k].second);
    }
    return;
  }
  // Takahashi: Z_jj = 1/d_j - sum_k L_kj Z_kj, Z_ij = - sum_k L_kj Z_ik over the rows k of column
  // j of L, from the last column to the first. (i, k) lies in the pattern: L is filled.
  const Sparse& l = s.ldlt.matrixL().nestedExpression();
  const int n = static_cast<int>(size_);
  const auto d = s.ldlt.vectorD();
  s.z_diagonal.assign(static_cast<size_t>(n), 0);
  s.z.assign(static_cast<size_t>(l.nonZeros()), 0);
  const int* outer = l.outerIndexPtr();
  const int* inner = l.innerIndexPtr();
  const double* value = l.valuePtr();
  std::vector<int> first(static_cast<size_t>(n));
  for (int j = 0; j < n; ++j) {
    int p = outer[j];
    while (p < outer[j + 1] && inner[p] <= j) ++p;
    first[static_cast<size_t>(j)] = p;
  }
  const auto z_at = [&](int row, int column) -> double {  // row > column
    const int* begin = inner + first[static_cast<size_t>(column)];
    const int* end = inner + outer[column + 1];
    const int* found = std::lower_bound(begin, end, row);
    return found != end && *found == row ? s.z[static_cast<size_t>(found - inner)] : 0.0;
  };
  for (int j = n - 1; j >= 0; --j) {
    const int begin = first[static_cast<size_t>(j)], end = outer[j + 1];
    for (int p = begin; p < end; ++p) {
      double sum = 0;
      for (int q = begin; q < end; ++q) {
        const int a = std::max(inner[p], inner[q]), b = std::min(inner[p], inner[q]);
        sum += value[q] * (a == b ? s.z_diagonal[static_cast<size_t>(a)] : z_at(a, b));
      }
      s.z[static_cast<size_t>(p)] = -sum;
    }
    double diagonal = 1 / d(j);
    for (int p = begin; p < end; ++p) diagonal -= value[p] * s.z[static_cast<size_t>(p)];
    s.z_diagonal[static_cast<size_t>(j)] = diagonal;
  }
  const auto& order = s.ldlt.permutationP().indices();
  for (size_t k = 0; k < pattern_.size(); ++k) {
    const int i = order(pattern_[k].first), j = order(pattern_[k].second);
    values[k] =
        i == j ? s.z_diagonal[static_cast<size_t>(i)] : z_at(std::max(i, j), std::min(i, j));
  }
}

}  // namespace vinci::conjugate
