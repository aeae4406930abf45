#include "lower/constraint_checks.h"

#include <fmt/format.h>

#include <cmath>

#include "lower/tracer.h"

namespace vinci::lower {
namespace {

using graph::Guard;

constexpr double kTolerance = 1e-8;

class Checker {
 public:
  Checker(const Call& call, const BoundType& type, const Value& value, const std::string& name)
      : call_(call), g_(call.graph), type_(type), value_(value), name_(name) {}

  std::optional<Violation> run() {
    const int64_t containers = type_.num_containers();
    const int64_t size = type_.container_size();
    for (int64_t c = 0; c < containers; ++c) {
      one(c * size, size);
      if (violation_) return violation_;
    }
    return {};
  }

 private:
  Scalar at(int64_t position) const { return value_.elements[static_cast<size_t>(position)]; }
  Scalar bound_at(const Value& bound, int64_t position) const {
    const size_t n = bound.elements.size();
    return bound.elements[n == 1 ? 0 : static_cast<size_t>(position) % n];
  }

  /// Index, from 1, of the element at a row-major position (or of its container, if `depth` is
  /// smaller).
  std::vector<int64_t> index_of(int64_t position, size_t depth) const {
    const std::vector<int64_t> dims = type_.all_dims();
    std::vector<int64_t> index(dims.size());
    for (size_t k = dims.size(); k-- > 0;) {
      index[k] = position % dims[k] + 1;
      position /= dims[k];
    }
    index.resize(std::min(depth, index.size()));
    return index;
  }
  void element_fails(int64_t position, std::string message) {
    violation_ = Violation{index_of(position, 99), std::move(message)};
  }
  void container_fails(int64_t base, std::string message) {
    violation_ = Violation{index_of(base, type_.array_dims.size()), std::move(message)};
  }

  /// Requires value >= 0 (or > 0); returns false where a constant fails.
  bool holds(Scalar value, bool strictly) {
    if (value.is_constant()) return strictly ? value.constant() > 0 : value.constant() >= 0;
    call_.require(strictly ? Guard::Kind::kPositive : Guard::Kind::kNonNegative, value, name_);
    return true;
  }
  /// |value| <= tolerance.
  bool is_near_zero(Scalar value, double tolerance = kTolerance) {
    if (value.is_constant()) return std::fabs(value.constant()) <= tolerance;
    return holds(g_.sub(tolerance, g_.apply(graph::Op::kAbs, value)), false);
  }
  static std::string show(Scalar x) {
    return x.is_constant() ? fmt::format("{:g}", x.constant()) : "unknown";
  }

  void one(int64_t base, int64_t size) {
    const int64_t rows = type_.dims.empty() ? 1 : type_.dims[0];
    const int64_t cols = type_.dims.size() < 2 ? 1 : type_.dims[1];
    switch (type_.constraint) {
      case ConstraintKind::kNone:
      case ConstraintKind::kOffset:
      case ConstraintKind::kMultiplier:
      case ConstraintKind::kOffsetMultiplier:
        return;
      case ConstraintKind::kLower:
      case ConstraintKind::kUpper:
      case ConstraintKind::kLowerUpper:
        return bounds(base, size);
      case ConstraintKind::kOrdered:
      case ConstraintKind::kPositiveOrdered:
        if (type_.constraint == ConstraintKind::kPositiveOrdered && size > 0 &&
            !holds(at(base), false)) {
          return element_fails(base, "is " + show(at(base)) +
                                         "; a positive_ordered vector has no negative elements");
        }
        for (int64_t k = 1; k < size; ++k) {
          if (!holds(g_.sub(at(base + k), at(base + k - 1)), true)) {
            return element_fails(base + k, "is " + show(at(base + k)) + ", the element before it " +
                                               show(at(base + k - 1)) +
                                               "; the elements have to increase");
          }
        }
        return;
      case ConstraintKind::kSimplex:
        return simplex(base, size, 1);
      case ConstraintKind::kColumnStochastic:
        for (int64_t j = 0; j < cols && !violation_; ++j) simplex(base + j, rows, cols);
        return;
      case ConstraintKind::kRowStochastic:
        for (int64_t i = 0; i < rows && !violation_; ++i) simplex(base + i * cols, cols, 1);
        return;
      case ConstraintKind::kUnitVector: {
        const std::span<const Scalar> x{value_.elements.data() + base, static_cast<size_t>(size)};
        const Scalar excess = g_.sub(g_.dot(x, x), 1.0);
        if (!is_near_zero(excess))
          container_fails(base, "is not a unit vector: its squared length is 1 + " + show(excess));
        return;
      }
      case ConstraintKind::kSumToZero:
        return sum_to_zero(base, rows, cols);
      case ConstraintKind::kCholeskyFactorCorr:
        for (int64_t i = 0; i < rows && !violation_; ++i) {
          const std::span<const Scalar> x{value_.elements.data() + base + i * cols,
                                          static_cast<size_t>(cols)};
          if (!is_near_zero(g_.sub(g_.dot(x, x), 1.0))) {
            return container_fails(
                base,
                fmt::format(
                    "is not the Cholesky factor of a correlation matrix: row {} has not length 1",
                    i + 1));
          }
        }
        return lower_triangular(base, rows, cols);
      case ConstraintKind::kCholeskyFactorCov:
        if (rows < cols) return container_fails(base, "has fewer rows than columns");
        return lower_triangular(base, rows, cols);
      case ConstraintKind::kCorrMatrix:
        for (int64_t i = 0; i < rows; ++i) {
          if (!is_near_zero(g_.sub(at(base + i * cols + i), 1.0))) {
            return element_fails(base + i * cols + i,
                                 "is " + show(at(base + i * cols + i)) +
                                     "; the diagonal of a correlation matrix is 1");
          }
        }
        return positive_definite(base, rows);
      case ConstraintKind::kCovMatrix:
        return positive_definite(base, rows);
    }
  }

  void bounds(int64_t base, int64_t size) {
    const bool has_low = type_.constraint != ConstraintKind::kUpper;
    const bool has_high = type_.constraint != ConstraintKind::kLower;
    for (int64_t p = base; p < base + size; ++p) {
      if (has_low) {
        const Scalar low = bound_at(type_.low, p);
        const bool fails = at(p).is_constant() && low.is_constant()
                               ? !(at(p).constant() >= low.constant())
                               : !holds(g_.sub(at(p), low), false);
        if (fails)
          return element_fails(p, "is " + show(at(p)) + "; its lower bound is " + show(low));
      }
      if (has_high) {
        const Scalar high = bound_at(type_.high, p);
        const bool fails = at(p).is_constant() && high.is_constant()
                               ? !(at(p).constant() <= high.constant())
                               : !holds(g_.sub(high, at(p)), false);
        if (fails)
          return element_fails(p, "is " + show(at(p)) + "; its upper bound is " + show(high));
      }
    }
  }

  void simplex(int64_t base, int64_t size, int64_t stride) {
    std::vector<Scalar> parts;
    for (int64_t k = 0; k < size; ++k) {
      const Scalar x = at(base + k * stride);
      if (!holds(x, false)) {
        return element_fails(base + k * stride,
                             "is " + show(x) + "; the elements of a simplex are not negative");
      }
      parts.push_back(x);
    }
    const Scalar sum = g_.sum(parts);
    if (!is_near_zero(g_.sub(sum, 1.0))) {
      container_fails(base, "sums to " +
                                (sum.is_constant() ? fmt::format("{:.10g}", sum.constant()) : "?") +
                                "; a simplex sums to 1");
    }
  }

  void sum_to_zero(int64_t base, int64_t rows, int64_t cols) {
    const auto check = [&](int64_t first, int64_t count, int64_t stride) {
      std::vector<Scalar> parts;
      for (int64_t k = 0; k < count; ++k) parts.push_back(at(first + k * stride));
      const Scalar sum = g_.sum(parts);
      if (!is_near_zero(sum))
        container_fails(base, "sums to " + show(sum) + "; it has to sum to 0");
    };
    if (type_.base != BaseType::kMatrix) return check(base, rows, 1);
    for (int64_t i = 0; i < rows && !violation_; ++i) check(base + i * cols, cols, 1);
    for (int64_t j = 0; j < cols && !violation_; ++j) check(base + j, rows, cols);
  }

  void lower_triangular(int64_t base, int64_t rows, int64_t cols) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = i + 1; j < cols; ++j) {
        const Scalar x = at(base + i * cols + j);
        if (!(x.is_constant() && x.constant() == 0) && !is_near_zero(x, 0)) {
          return element_fails(base + i * cols + j,
                               "is " + show(x) + "; a Cholesky factor is lower triangular");
        }
      }
      if (i < cols && !holds(at(base + i * cols + i), true)) {
        return element_fails(base + i * cols + i,
                             "is " + show(at(base + i * cols + i)) +
                                 "; the diagonal of a Cholesky factor is positive");
      }
    }
  }

  void positive_definite(int64_t base, int64_t n) {
    bool is_constant = true;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j)
        is_constant = is_constant && at(base + i * n + j).is_constant();
      for (int64_t j = 0; j < i; ++j) {
        const Scalar a = at(base + i * n + j), b = at(base + j * n + i);
        if (!a.identical(b) && !is_near_zero(g_.sub(a, b))) {
          return container_fails(
              base, fmt::format("is not symmetric: element [{}, {}] is {}, element [{}, {}] is {}",
                                i + 1, j + 1, show(a), j + 1, i + 1, show(b)));
        }
      }
    }
    if (is_constant) {
      if (!constant_is_positive_definite(base, n))
        container_fails(base, "is not positive definite");
      return;
    }
    // The library's factorisation guards what it needs.
    if (const LibraryFunction cholesky = LibraryTable::instance().find("cholesky_decompose")) {
      std::vector<Scalar> x(value_.elements.begin() + base, value_.elements.begin() + base + n * n);
      const Value matrix = Value::matrix(n, n, std::move(x));
      cholesky(call_, {&matrix, 1});
    }
  }

  bool constant_is_positive_definite(int64_t base, int64_t n) const {
    std::vector<double> l(static_cast<size_t>(n * n), 0);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        double sum = at(base + i * n + j).constant();
        for (int64_t k = 0; k < j; ++k)
          sum -= l[static_cast<size_t>(i * n + k)] * l[static_cast<size_t>(j * n + k)];
        if (i == j && !(sum > 0)) return false;
        l[static_cast<size_t>(i * n + j)] =
            i == j ? std::sqrt(sum) : sum / l[static_cast<size_t>(j * n + j)];
      }
    }
    return true;
  }

  const Call& call_;
  graph::Graph& g_;
  const BoundType& type_;
  const Value& value_;
  const std::string& name_;
  std::optional<Violation> violation_;
};

}  // namespace

std::optional<Violation> find_violation(const Call& call, const BoundType& type, const Value& value,
                                        const std::string& name) {
  if (type.base != BaseType::kTuple) {
    if (type.constraint == ConstraintKind::kNone) return {};
    return Checker(call, type, value, name).run();
  }
  const auto each = [&](const Value& tuple) -> std::optional<Violation> {
    for (size_t k = 0; k < type.elements.size(); ++k) {
      if (auto found = find_violation(call, type.elements[k], tuple.members[k], name)) {
        found->message = fmt::format("(member {}) {}", k + 1, found->message);
        return found;
      }
    }
    return {};
  };
  if (type.array_dims.empty()) return each(value);
  for (const Value& tuple : value.members) {
    if (auto found = each(tuple)) return found;
  }
  return {};
}

std::string to_string(const Violation& violation, const std::string& name) {
  std::string text = "`" + name;
  if (!violation.index.empty()) text += fmt::format("[{}]", fmt::join(violation.index, ", "));
  return text + "` " + violation.message;
}

void Tracer::check_constraint(const BoundType& type, const Value& value, const std::string& name,
                              source::Span span) {
  call_.span = span;
  call_.name = name;
  if (const auto violation = find_violation(call_, type, value, name)) {
    fail(span, source::DiagnosticKind::kArgumentValue, to_string(*violation, name));
  }
}

}  // namespace vinci::lower
