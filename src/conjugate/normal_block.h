// Jointly normal variables with a sparse precision, alone or with the gamma precision that scales
// them all.
#pragma once

#include <memory>
#include <vector>

#include "conjugate/variable.h"

namespace vinci::conjugate {

/// A symmetric positive definite matrix with a fixed pattern: its Cholesky factor, and of its
/// inverse the elements of the pattern. Dense up to some size or fill, else sparse with a
/// fill-reducing order and the recursion of Takahashi for the inverse: block-tridiagonal matrices
/// (Kalman smoothing) cost O(n).  [Takahashi, Fagan, Chen 1973; Rue and Held 2005, sec. 2.4]
class PatternCholesky {
 public:
  /// The lower triangle's elements (row >= column); each diagonal element is among them.
  PatternCholesky(int64_t size, std::vector<std::pair<int32_t, int32_t>> pattern);
  ~PatternCholesky();
  /// values: of the pattern. False where the matrix is not positive definite.
  bool factor(std::span<const double> values);
  double log_det() const { return log_det_; }
  void solve(std::span<const double> rhs, std::span<double> x) const;
  /// x such that x ~ N(0, P^-1) for standard normal `noise`.
  void solve_root(std::span<const double> noise, std::span<double> x) const;
  /// Elements of the inverse, in the order of the pattern.
  void inverse(std::span<double> values);

 private:
  struct State;
  std::unique_ptr<State> state_;
  int64_t size_;
  std::vector<std::pair<int32_t, int32_t>> pattern_;
  double log_det_ = 0;
};

/// x ~ N(m, P^-1). Statistics: d_i = x_i - shift_i, then d_i d_j of the pairs (i >= j, the diagonal
/// included). With a scale leaf s, t = s^power, it is x | t ~ N(m, (t P)^-1), t gamma, and the
/// statistics are t d_i, t d_i d_j, log s, t.  [Bishop 2006, eq. (2.154); Bernardo and Smith 1994,
/// sec. 5.2]
class NormalBlock final : public Variable {
 public:
  NormalBlock(std::vector<int32_t> leaves, std::vector<double> shifts,
              std::vector<std::pair<int32_t, int32_t>> pairs);
  void set_scale(int32_t leaf, double power);
  bool has_scale() const { return power_ != 0; }

  int64_t num_statistics() const override {
    return size() + static_cast<int64_t>(pairs_.size()) + (has_scale() ? 2 : 0);
  }
  int64_t slot_of_pair(int32_t i, int32_t j) const;
  int64_t slot_of_log_scale() const { return size() + static_cast<int64_t>(pairs_.size()); }

  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  void statistics(std::span<const double> values, std::span<double> u) const override;
  void draw(numeric::RandomStream& random, std::span<double> values) const override;
  double log_density(std::span<const double> values) const override;
  void describe(std::span<const std::string> leaf_names,
                std::vector<NamedDistribution>& out) const override;

  int64_t size() const { return static_cast<int64_t>(shifts_.size()); }
  /// Relative to the shifts.
  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& shifts() const { return shifts_; }
  /// Of the covariance (with a scale: its matrix, times 1 / t), by pair.
  const std::vector<double>& covariance() const { return covariance_; }
  /// Deviation of the start's means, for factors of products, which are symmetric about zero.
  double start_deviation = 0;

 private:
  std::vector<double> shifts_;
  std::vector<std::pair<int32_t, int32_t>> pairs_;  // sorted
  PatternCholesky cholesky_;
  double power_ = 0;
  double shape_ = 1, rate_ = 1;
  double half_log_det_ = 0;
  std::vector<double> precision_, mean_, covariance_;
};

/// A Wishart matrix L (power 1: the leaf is L; -1: the leaf is its inverse), alone or with
/// x | L ~ N(m, (kappa L)^-1). Statistics: log |leaf|, L_ij (i >= j, by rows; i > j counts once),
/// then (L x)_i and x' L x of d = x - shift.  [Bishop 2006, sec. 10.2; DeGroot 1970, sec. 9.10]
class NormalWishart final : public Variable {
 public:
  /// matrix: the leaves of the lower triangle by rows; vector: of x, or empty.
  NormalWishart(std::vector<int32_t> matrix, std::vector<int32_t> vector,
                std::vector<double> shifts, int64_t dim, double power);
  bool has_vector() const { return !shifts_.empty(); }
  int64_t dim() const { return dim_; }
  int64_t slot_of(int64_t i, int64_t j) const {
    return 1 + (i >= j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i);
  }
  int64_t slot_of_product(int64_t i) const { return 1 + dim_ * (dim_ + 1) / 2 + i; }
  int64_t slot_of_form() const { return slot_of_product(dim_); }

  int64_t num_statistics() const override {
    return 1 + dim_ * (dim_ + 1) / 2 + (has_vector() ? dim_ + 1 : 0);
  }
  bool update(std::span<const double> eta, std::span<double> mean) override;
  void start(numeric::RandomStream& random, std::span<double> mean) override;
  void statistics(std::span<const double> values, std::span<double> u) const override;
  void draw(numeric::RandomStream& random, std::span<double> values) const override;
  double log_density(std::span<const double> values) const override;
  void describe(std::span<const std::string> leaf_names,
                std::vector<NamedDistribution>& out) const override;

 private:
  int64_t dim_;
  double power_;
  std::vector<double> shifts_;
  double degrees_, kappa_ = 0;
  // S of log q = (nu - D - 1)/2 log |L| - tr(S L)/2, row-major.
  std::vector<double> mean_, inverse_scale_;
  double log_normaliser_ = 0;  // of L's distribution, whose part of log q it is subtracted from
  std::vector<double> root_;   // lower Cholesky factor of S^-1, for draws
};

}  // namespace vinci::conjugate
