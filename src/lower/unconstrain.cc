// The inverses of the constraint transforms, for initial values.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lower/transforms.h"

namespace vinci::lower {
namespace {

constexpr double kTolerance = 1e-8;  // as Stan's constraint checks

class Unconstrainer {
 public:
  Unconstrainer(const BoundType& type, const Value& value, std::vector<double>& out)
      : type_(type), value_(value), out_(out) {}

  std::string run() {
    const int64_t containers = type_.num_containers();
    const int64_t size = type_.container_size();
    for (int64_t c = 0; c < containers; ++c) {
      std::string problem = one(c * size, size);
      if (!problem.empty()) return problem;
    }
    return {};
  }

 private:
  double at(int64_t position) const {
    return value_.elements[static_cast<size_t>(position)].constant();
  }
  static double bound_at(const Value& bound, int64_t position) {
    return bound.elements[static_cast<size_t>(position) % bound.elements.size()].constant();
  }

  std::string one(int64_t base, int64_t size) {
    for (int64_t k = 0; k < size; ++k) {
      if (std::isnan(at(base + k))) return "is nan";
    }
    const int64_t rows = type_.dims.empty() ? 1 : type_.dims[0];
    const int64_t cols = type_.dims.size() < 2 ? 1 : type_.dims[1];
    switch (type_.constraint) {
      case ConstraintKind::kOrdered:
      case ConstraintKind::kPositiveOrdered:
        return ordered(base, size);
      case ConstraintKind::kSimplex:
        return simplex(base, size, 1);
      case ConstraintKind::kUnitVector:
        for (int64_t k = 0; k < size; ++k) out_.push_back(at(base + k));
        return {};
      case ConstraintKind::kSumToZero:
        return type_.base == BaseType::kMatrix ? sum_to_zero_matrix(base) : sum_to_zero(base, size);
      case ConstraintKind::kCholeskyFactorCorr:
        return cholesky_factor_corr(base, rows);
      case ConstraintKind::kCorrMatrix:
        return corr_matrix(base, rows);
      case ConstraintKind::kCholeskyFactorCov:
        return cholesky_factor_cov([&](int64_t i, int64_t j) { return at(base + i * cols + j); },
                                   rows, cols);
      case ConstraintKind::kCovMatrix: {
        std::vector<double> factor;
        if (!cholesky(base, rows, factor)) return "is not positive definite";
        return cholesky_factor_cov(
            [&](int64_t i, int64_t j) { return factor[static_cast<size_t>(i * rows + j)]; }, rows,
            rows);
      }
      case ConstraintKind::kColumnStochastic:
        for (int64_t j = 0; j < cols; ++j) {
          std::string problem = simplex(base + j, rows, cols);
          if (!problem.empty()) return problem;
        }
        return {};
      case ConstraintKind::kRowStochastic: {
        std::vector<double> by_row;
        by_row.swap(out_);
        for (int64_t i = 0; i < rows; ++i) {
          std::string problem = simplex(base + i * cols, cols, 1);
          if (!problem.empty()) return problem;
        }
        by_row.swap(out_);
        for (int64_t j = 0; j + 1 < cols; ++j) {
          for (int64_t i = 0; i < rows; ++i) {
            out_.push_back(by_row[static_cast<size_t>(i * (cols - 1) + j)]);
          }
        }
        return {};
      }
      default:
        return elementwise(base, size, rows, cols);
    }
  }

  std::string elementwise(int64_t base, int64_t size, int64_t rows, int64_t cols) {
    const double infinity = std::numeric_limits<double>::infinity();
    for (int64_t k = 0; k < size; ++k) {
      const int64_t width = type_.is_complex() ? 2 : 1;
      const int64_t element = k / width;
      const int64_t position =
          base + (type_.dims.size() < 2
                      ? k
                      : ((element % rows) * cols + element / rows) * width + k % width);
      const double x = at(position);
      double low = -infinity, high = infinity;
      switch (type_.constraint) {
        case ConstraintKind::kOffset:
          out_.push_back(x - bound_at(type_.low, position));
          continue;
        case ConstraintKind::kMultiplier:
          out_.push_back(x / bound_at(type_.high, position));
          continue;
        case ConstraintKind::kOffsetMultiplier:
          out_.push_back((x - bound_at(type_.low, position)) / bound_at(type_.high, position));
          continue;
        case ConstraintKind::kLower:
          low = bound_at(type_.low, position);
          break;
        case ConstraintKind::kUpper:
          high = bound_at(type_.high, position);
          break;
        case ConstraintKind::kLowerUpper:
          low = bound_at(type_.low, position);
          high = bound_at(type_.high, position);
          break;
        default:
          break;
      }
      if (std::isnan(low) || std::isnan(high)) {
        return "cannot be used: its bounds depend on a discrete parameter";
      }
      if (!(x >= low && x <= high)) return "is " + std::to_string(x) + ", outside of its bounds";
      if (low == -infinity && high == infinity) {
        out_.push_back(x);
      } else if (high == infinity) {
        out_.push_back(std::log(x - low));
      } else if (low == -infinity) {
        out_.push_back(std::log(high - x));
      } else {
        out_.push_back(std::log(x - low) - std::log(high - x));
      }
      if (!std::isfinite(out_.back())) return "is " + std::to_string(x) + ", on its bound";
    }
    return {};
  }

  std::string ordered(int64_t base, int64_t size) {
    const bool is_positive = type_.constraint == ConstraintKind::kPositiveOrdered;
    for (int64_t k = 0; k < size; ++k) {
      if (k == 0 && !is_positive) {
        out_.push_back(at(base));
        continue;
      }
      const double step = at(base + k) - (k == 0 ? 0 : at(base + k - 1));
      if (!(step > 0)) return is_positive ? "is not positive and increasing" : "is not increasing";
      out_.push_back(std::log(step));
    }
    return {};
  }

  std::string simplex(int64_t base, int64_t size, int64_t stride) {
    double sum = 0;
    for (int64_t k = 0; k < size; ++k) {
      if (!(at(base + k * stride) > 0) && size > 1) return "has an element that is not positive";
      sum += at(base + k * stride);
    }
    if (!(std::fabs(sum - 1) <= kTolerance)) return "does not sum to 1";
    // y_k = log(x_k / (what follows x_k)) + log(K - k); sums from the end keep small tails.
    std::vector<double> y(static_cast<size_t>(size - 1));
    double rest = at(base + (size - 1) * stride);
    for (int64_t k = size - 2; k >= 0; --k) {
      const double x = at(base + k * stride);
      y[static_cast<size_t>(k)] =
          std::log(x) - std::log(rest) + std::log(static_cast<double>(size - 1 - k));
      rest += x;
    }
    out_.insert(out_.end(), y.begin(), y.end());
    return {};
  }

  std::string sum_to_zero(int64_t base, int64_t size) {
    double sum = 0;
    for (int64_t k = 0; k < size; ++k) sum += at(base + k);
    if (!(std::fabs(sum) <= kTolerance * static_cast<double>(size))) return "does not sum to 0";
    std::vector<double> y(static_cast<size_t>(size - 1));
    double later = 0;  // sum of the w_j behind
    for (int64_t i = size - 1; i > 0; --i) {
      const auto m = static_cast<double>(i);
      const double w = (later - at(base + i)) / m;
      y[static_cast<size_t>(i - 1)] = w * std::sqrt(m * (m + 1));
      later += w;
    }
    out_.insert(out_.end(), y.begin(), y.end());
    return {};
  }

  std::string sum_to_zero_matrix(int64_t base) {
    const int64_t rows = type_.dims[0], cols = type_.dims[1];
    const auto inverse = [](std::vector<double>& t) {
      double later = 0;
      for (size_t i = t.size() - 1; i-- > 0;) {
        const auto k = static_cast<double>(i);
        const double a = 1 / std::sqrt((k + 1) * (k + 2));
        t[i] = (t[i] + later) / ((k + 1) * a);
        later += a * t[i];
      }
      t.pop_back();
    };
    std::vector<double> half(static_cast<size_t>(rows * (cols - 1)));
    for (int64_t i = 0; i < rows; ++i) {
      std::vector<double> row;
      double sum = 0;
      for (int64_t j = 0; j < cols; ++j) {
        row.push_back(at(base + i * cols + j));
        sum += row.back();
      }
      if (!(std::fabs(sum) <= kTolerance * static_cast<double>(cols)))
        return "has a row that does not sum to 0";
      inverse(row);
      for (size_t j = 0; j < row.size(); ++j)
        half[static_cast<size_t>(i) * row.size() + j] = row[j];
    }
    for (int64_t j = 0; j + 1 < cols; ++j) {
      std::vector<double> column;
      double sum = 0;
      for (int64_t i = 0; i < rows; ++i) {
        column.push_back(half[static_cast<size_t>(i * (cols - 1) + j)]);
        sum += column.back();
      }
      if (!(std::fabs(sum) <= kTolerance * static_cast<double>(rows))) {
        return "has a column that does not sum to 0";
      }
      inverse(column);
      out_.insert(out_.end(), column.begin(), column.end());
    }
    return {};
  }

  std::string cholesky_factor_corr(int64_t base, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      double rest = 1;  // 1 minus the squares so far
      for (int64_t j = 0; j < i; ++j) {
        const double x = at(base + i * n + j);
        const double z = x / std::sqrt(rest);
        if (!(std::fabs(z) < 1)) return "is not the Cholesky factor of a correlation matrix";
        out_.push_back(std::atanh(z));
        rest -= x * x;
      }
      if (!(std::fabs(at(base + i * n + i) - std::sqrt(std::max(rest, 0.0))) <= 1e-6)) {
        return "has a row whose length is not 1";
      }
    }
    return {};
  }

  std::string corr_matrix(int64_t base, int64_t n) {
    std::vector<double> factor;
    for (int64_t i = 0; i < n; ++i) {
      if (!(std::fabs(at(base + i * n + i) - 1) <= kTolerance))
        return "has a diagonal that is not 1";
    }
    if (!cholesky(base, n, factor)) return "is not positive definite";
    std::vector<double> rest(static_cast<size_t>(n), 1.0);
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t i = j + 1; i < n; ++i) {
        const double x = factor[static_cast<size_t>(i * n + j)];
        double& r = rest[static_cast<size_t>(i)];
        const double z = x / std::sqrt(r);
        if (!(std::fabs(z) < 1)) return "is not positive definite";
        out_.push_back(std::atanh(z));
        r -= x * x;
      }
    }
    return {};
  }

  template <class Factor>
  std::string cholesky_factor_cov(const Factor& factor, int64_t rows, int64_t cols) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols && j < i; ++j) out_.push_back(factor(i, j));
      if (i < cols) {
        if (!(factor(i, i) > 0)) return "has a diagonal that is not positive";
        out_.push_back(std::log(factor(i, i)));
      }
    }
    return {};
  }

  /// Lower factor of a symmetric matrix; false if it is not positive definite.
  bool cholesky(int64_t base, int64_t n, std::vector<double>& factor) {
    factor.assign(static_cast<size_t>(n * n), 0);
    const auto l = [&](int64_t i, int64_t j) -> double& {
      return factor[static_cast<size_t>(i * n + j)];
    };
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        double sum = at(base + i * n + j);
        if (!(std::fabs(sum - at(base + j * n + i)) <=
              kTolerance * std::max(1.0, std::fabs(sum)))) {
          return false;
        }
        for (int64_t k = 0; k < j; ++k) sum -= l(i, k) * l(j, k);
        if (i == j) {
          if (!(sum > 0)) return false;
          l(i, i) = std::sqrt(sum);
        } else {
          l(i, j) = sum / l(j, j);
        }
      }
    }
    return true;
  }

  const BoundType& type_;
  const Value& value_;
  std::vector<double>& out_;
};

}  // namespace

std::string unconstrain(const BoundType& type, const Value& value,
                        std::vector<double>& unconstrained) {
  if (type.base == BaseType::kInt) return {};  // discrete variables have no coordinates
  if (type.base != BaseType::kTuple) return Unconstrainer(type, value, unconstrained).run();
  const auto each = [&](const Value& tuple) -> std::string {
    for (size_t k = 0; k < type.elements.size(); ++k) {
      std::string problem = unconstrain(type.elements[k], tuple.members[k], unconstrained);
      if (!problem.empty()) return problem;
    }
    return {};
  };
  if (type.array_dims.empty()) return each(value);
  for (const Value& tuple : value.members) {
    std::string problem = each(tuple);
    if (!problem.empty()) return problem;
  }
  return {};
}

}  // namespace vinci::lower
