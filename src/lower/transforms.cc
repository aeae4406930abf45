#include "lower/transforms.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "lower/library.h"

namespace vinci::lower {
namespace {

using graph::Graph;

int64_t choose_2(int64_t k) { return k * (k - 1) / 2; }

/// Unconstrained coordinates of one container.
int64_t block_size(const BoundType& type) {
  const auto dim = [&type](size_t k) { return type.dims[k]; };
  switch (type.constraint) {
    case ConstraintKind::kSimplex:
      return dim(0) - 1;
    case ConstraintKind::kSumToZero:
      return type.base == BaseType::kMatrix ? (dim(0) - 1) * (dim(1) - 1) : dim(0) - 1;
    case ConstraintKind::kCholeskyFactorCorr:
    case ConstraintKind::kCorrMatrix:
      return choose_2(dim(0));
    case ConstraintKind::kCovMatrix:
      return choose_2(dim(0)) + dim(0);
    case ConstraintKind::kCholeskyFactorCov:
      return choose_2(dim(1)) + dim(1) + (dim(0) - dim(1)) * dim(1);
    case ConstraintKind::kColumnStochastic:
      return (dim(0) - 1) * dim(1);
    case ConstraintKind::kRowStochastic:
      return dim(0) * (dim(1) - 1);
    default:
      return type.container_size();
  }
}

/// Row-major position of the k-th coordinate of an unstructured container, which are column-major.
int64_t element_position(const BoundType& type, int64_t k) {
  if (type.dims.size() < 2) return k;
  const int64_t width = type.is_complex() ? 2 : 1;
  const int64_t element = k / width, rows = type.dims[0];
  return ((element % rows) * type.dims[1] + element / rows) * width + k % width;
}

/// Bound of element `position` (row-major over the whole value): bounds are scalars or as large as
/// the value.
Scalar bound_at(const Value& bound, int64_t position) {
  if (bound.elements.size() == 1) return bound.elements[0];
  // A container as bound of an array of such containers applies to each.
  return bound.elements[static_cast<size_t>(position) % bound.elements.size()];
}

/// log(1 - tanh(y)^2) = log 4 + 2y - 2 log(1 + e^{2y}), without cancellation or overflow.
Scalar log_sech_squared(Graph& g, Scalar y) {
  const Scalar twice = g.mul(2.0, y);
  return g.add(g.sub(twice, g.mul(2.0, g.log1p_exp(twice))), 2 * std::log(2.0));
}

class Constrainer {
 public:
  Constrainer(Graph& graph, const BoundType& type, std::span<const Scalar> unconstrained,
              source::Span span, const std::string& name, std::vector<Scalar>* jacobian)
      : g_(graph), type_(type), y_(unconstrained), span_(span), name_(name), jacobian_(jacobian) {}

  std::vector<Scalar> run() {
    const int64_t containers = type_.num_containers();
    const int64_t size = type_.container_size();
    x_.assign(static_cast<size_t>(containers * size), Scalar(0));
    const int64_t block = block_size(type_);
    for (int64_t c = 0; c < containers; ++c) {
      const auto y = y_.subspan(static_cast<size_t>(c * block), static_cast<size_t>(block));
      one(y, c * size);
    }
    return std::move(x_);
  }

 private:
  void one(std::span<const Scalar> y, int64_t base) {
    switch (type_.constraint) {
      case ConstraintKind::kNone:
      case ConstraintKind::kLower:
      case ConstraintKind::kUpper:
      case ConstraintKind::kLowerUpper:
      case ConstraintKind::kOffset:
      case ConstraintKind::kMultiplier:
      case ConstraintKind::kOffsetMultiplier:
        for (size_t k = 0; k < y.size(); ++k) {
          const int64_t position = base + element_position(type_, static_cast<int64_t>(k));
          at(position) = elementwise(y[k], position);
        }
        return;
      case ConstraintKind::kOrdered:
      case ConstraintKind::kPositiveOrdered:
        return ordered(y, base);
      case ConstraintKind::kSimplex:
        return simplex(y, base, 1);
      case ConstraintKind::kUnitVector:
        return unit_vector(y, base);
      case ConstraintKind::kSumToZero:
        if (type_.base == BaseType::kMatrix) return sum_to_zero_matrix(y, base);
        return sum_to_zero_vector(y, base);
      case ConstraintKind::kCholeskyFactorCorr:
        return cholesky_factor_corr(y, base);
      case ConstraintKind::kCorrMatrix:
        return corr_matrix(y, base);
      case ConstraintKind::kCholeskyFactorCov:
        return cholesky_factor_cov(y, base);
      case ConstraintKind::kCovMatrix:
        return cov_matrix(y, base);
      case ConstraintKind::kColumnStochastic: {
        // Unconstrained [rows - 1, cols], column-major: a column's coordinates lie together.
        const int64_t rows = type_.dims[0], cols = type_.dims[1];
        for (int64_t j = 0; j < cols; ++j) {
          simplex(y.subspan(static_cast<size_t>(j * (rows - 1)), static_cast<size_t>(rows - 1)),
                  base + j, cols);
        }
        return;
      }
      case ConstraintKind::kRowStochastic: {
        const int64_t rows = type_.dims[0], cols = type_.dims[1];
        std::vector<Scalar> row(static_cast<size_t>(cols - 1));
        for (int64_t i = 0; i < rows; ++i) {
          for (int64_t j = 0; j + 1 < cols; ++j) {
            row[static_cast<size_t>(j)] = y[static_cast<size_t>(j * rows + i)];
          }
          simplex(row, base + i * cols, 1);
        }
        return;
      }
    }
  }

  Scalar& at(int64_t position) { return x_[static_cast<size_t>(position)]; }
  void add_jacobian(Scalar value) {
    if (jacobian_ != nullptr) jacobian_->push_back(value);
  }

  Scalar elementwise(Scalar y, int64_t position) {
    const ConstraintKind kind = type_.constraint;
    if (kind == ConstraintKind::kNone) return y;
    if (kind == ConstraintKind::kOffset || kind == ConstraintKind::kMultiplier ||
        kind == ConstraintKind::kOffsetMultiplier) {
      return offset_multiplier(y, position);
    }
    const double infinity = std::numeric_limits<double>::infinity();
    const Scalar low = kind == ConstraintKind::kUpper ? -infinity : bound_at(type_.low, position);
    const Scalar high = kind == ConstraintKind::kLower ? infinity : bound_at(type_.high, position);
    const bool has_low = !(low.is_constant() && low.constant() == -infinity);
    const bool has_high = !(high.is_constant() && high.constant() == infinity);
    if (!has_low && !has_high) return y;
    if (!has_high) {
      add_jacobian(y);
      const Scalar x = g_.add(low, g_.exp(y));
      if (g_.range(low) & graph::kRangeNonNegative) g_.assume(x, positive());
      return x;
    }
    if (!has_low) {
      add_jacobian(y);
      return g_.sub(high, g_.exp(y));
    }
    const Scalar width = g_.sub(high, low);
    g_.require(graph::Guard::Kind::kPositive, width, span_,
               "upper bound minus lower bound of `" + name_ + "`");
    // log (U - L) + log inv_logit(y) + log(1 - inv_logit(y)), the last two being y - 2 log(1 +
    // e^y).
    add_jacobian(g_.log(width));
    add_jacobian(y);
    add_jacobian(g_.mul(-2.0, g_.log1p_exp(y)));
    const Scalar x = g_.add(low, g_.mul(width, g_.inv_logit(y)));
    uint8_t flags = 0;
    if (g_.range(low) & graph::kRangeNonNegative) flags = positive();
    if (high.is_constant() && high.constant() <= 1) flags |= graph::kRangeAtMostOne;
    if (flags != 0) g_.assume(x, flags);
    return x;
  }

  Scalar offset_multiplier(Scalar y, int64_t position) {
    const Scalar offset =
        type_.constraint == ConstraintKind::kMultiplier ? 0.0 : bound_at(type_.low, position);
    if (type_.constraint == ConstraintKind::kOffset) return g_.add(offset, y);
    const Scalar multiplier = bound_at(type_.high, position);
    g_.require(graph::Guard::Kind::kPositive, multiplier, span_, "multiplier of `" + name_ + "`");
    add_jacobian(g_.log(multiplier));
    return g_.add(offset, g_.mul(multiplier, y));
  }

  void ordered(std::span<const Scalar> y, int64_t base) {
    const bool is_positive = type_.constraint == ConstraintKind::kPositiveOrdered;
    for (size_t k = 0; k < y.size(); ++k) {
      const int64_t position = base + static_cast<int64_t>(k);
      if (k == 0 && !is_positive) {
        at(position) = y[0];
        continue;
      }
      add_jacobian(y[k]);
      at(position) = k == 0 ? g_.exp(y[0]) : g_.add(at(position - 1), g_.exp(y[k]));
      if (is_positive) g_.assume(at(position), positive());
    }
  }

  /// The stick is kept as a product of the remaining shares, so that small elements keep their
  /// relative precision.
  void simplex(std::span<const Scalar> y, int64_t base, int64_t stride) {
    const auto n = static_cast<int64_t>(y.size());
    Scalar stick = 1.0;
    for (int64_t k = 0; k < n; ++k) {
      const Scalar shifted =
          g_.sub(y[static_cast<size_t>(k)], std::log(static_cast<double>(n - k)));
      at(base + k * stride) = g_.mul(stick, g_.inv_logit(shifted));
      stick = g_.mul(stick, g_.inv_logit(g_.neg(shifted)));
      // log z + log(1 - z) of this share, and log(1 - z) once for every later share's stick.
      add_jacobian(shifted);
      add_jacobian(g_.mul(-static_cast<double>(n - k + 1), g_.log1p_exp(shifted)));
      share_range(at(base + k * stride));
      share_range(stick);
    }
    at(base + n * stride) = stick;
  }
  void share_range(Scalar x) {
    g_.assume(x, static_cast<uint8_t>(positive() | graph::kRangeAtMostOne));
  }
  static uint8_t positive() {
    return static_cast<uint8_t>(graph::kRangePositive | graph::kRangeNonNegative);
  }

  void unit_vector(std::span<const Scalar> y, int64_t base) {
    const Scalar squared = g_.dot(y, y);
    g_.require(graph::Guard::Kind::kPositive, squared, span_, "norm of `" + name_ + "`");
    const Scalar scale = g_.inv(g_.sqrt(squared));
    for (size_t k = 0; k < y.size(); ++k) {
      at(base + static_cast<int64_t>(k)) = g_.mul(y[k], scale);
    }
    add_jacobian(g_.mul(-0.5, squared));
  }

  void sum_to_zero_vector(std::span<const Scalar> y, int64_t base) {
    const auto n = static_cast<int64_t>(y.size());
    // x_i = sum_{j >= i} w_j - i w_{i-1} with w_j = y_j / sqrt((j + 1)(j + 2)), indices from 0.
    Scalar sum = 0.0;
    for (int64_t i = n; i >= 0; --i) {
      Scalar x = sum;
      if (i > 0) {
        const auto m = static_cast<double>(i);
        const Scalar w = g_.mul(1 / std::sqrt(m * (m + 1)), y[static_cast<size_t>(i - 1)]);
        x = g_.sub(sum, g_.mul(m, w));
        sum = g_.add(sum, w);
      }
      at(base + i) = x;
    }
  }

  /// A linear map along rows, then along columns: t_i = b_i y_i - sum_{m > i} a_m y_m, a_i = 1 /
  /// sqrt((i + 1)(i + 2)), b_i = (i + 1) a_i, and the last element makes the sum zero.
  void sum_to_zero_matrix(std::span<const Scalar> y, int64_t base) {
    const int64_t rows = type_.dims[0] - 1, cols = type_.dims[1] - 1;
    const auto basis = [this](std::span<const Scalar> in, std::vector<Scalar>& out) {
      out.assign(in.size() + 1, Scalar(0));
      Scalar later = 0.0;
      for (size_t i = in.size(); i-- > 0;) {
        const auto k = static_cast<double>(i);
        const double a = 1 / std::sqrt((k + 1) * (k + 2));
        out[i] = g_.sub(g_.mul((k + 1) * a, in[i]), later);
        later = g_.add(later, g_.mul(a, in[i]));
      }
      out[in.size()] = g_.neg(g_.sum({out.data(), in.size()}));
    };
    std::vector<Scalar> column, row_in(static_cast<size_t>(cols)), row;
    std::vector<Scalar> half(static_cast<size_t>((rows + 1) * cols));
    for (int64_t j = 0; j < cols; ++j) {
      basis(y.subspan(static_cast<size_t>(j * rows), static_cast<size_t>(rows)), column);
      for (int64_t i = 0; i <= rows; ++i) {
        half[static_cast<size_t>(i * cols + j)] = column[static_cast<size_t>(i)];
      }
    }
    for (int64_t i = 0; i <= rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) {
        row_in[static_cast<size_t>(j)] = half[static_cast<size_t>(i * cols + j)];
      }
      basis(row_in, row);
      for (int64_t j = 0; j <= cols; ++j) {
        at(base + i * (cols + 1) + j) = row[static_cast<size_t>(j)];
      }
    }
  }

  /// Row i: z_0, z_1 c_0, z_2 c_0 c_1, ..., c_0 ... c_{i-1} with z = tanh(y), c = sqrt(1 - z^2) =
  /// sech(y).
  void cholesky_factor_corr(std::span<const Scalar> y, int64_t base) {
    const int64_t n = type_.dims[0];
    size_t next = 0;
    for (int64_t i = 0; i < n; ++i) {
      Scalar rest = 1.0;
      for (int64_t j = 0; j < i; ++j) {
        const Scalar z = g_.apply(graph::Op::kTanh, y[next]);
        const Scalar s = log_sech_squared(g_, y[next]);
        ++next;
        at(base + i * n + j) = g_.mul(z, rest);
        rest = g_.mul(rest, g_.exp(g_.mul(0.5, s)));
        // d tanh, and half of it for each later partial correlation of the row, i - 1 - j of them.
        add_jacobian(g_.mul(1 + 0.5 * static_cast<double>(i - 1 - j), s));
      }
      g_.assume(rest, static_cast<uint8_t>(positive() | graph::kRangeAtMostOne));
      at(base + i * n + i) = rest;
    }
  }

  /// Partial correlations column by column; the Cholesky factor as above, the matrix its product
  /// with its transpose.
  void corr_matrix(std::span<const Scalar> y, int64_t base) {
    const int64_t n = type_.dims[0];
    std::vector<Scalar> factor(static_cast<size_t>(n * n), Scalar(0));
    std::vector<Scalar> rest(static_cast<size_t>(n), Scalar(1));
    size_t next = 0;
    for (int64_t j = 0; j < n; ++j) {
      factor[static_cast<size_t>(j * n + j)] = rest[static_cast<size_t>(j)];
      for (int64_t i = j + 1; i < n; ++i) {
        const Scalar z = g_.apply(graph::Op::kTanh, y[next]);
        const Scalar s = log_sech_squared(g_, y[next]);
        ++next;
        Scalar& r = rest[static_cast<size_t>(i)];
        factor[static_cast<size_t>(i * n + j)] = g_.mul(z, r);
        r = g_.mul(r, g_.exp(g_.mul(0.5, s)));
        add_jacobian(g_.mul(1 + 0.5 * static_cast<double>(n - j - 2), s));
      }
    }
    self_product(factor, n, base);
    for (int64_t i = 0; i < n; ++i) at(base + i * n + i) = 1.0;
  }

  void cholesky_factor_cov(std::span<const Scalar> y, int64_t base) {
    const int64_t rows = type_.dims[0], cols = type_.dims[1];
    size_t next = 0;
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols && j < i; ++j) at(base + i * cols + j) = y[next++];
      if (i < cols) {
        add_jacobian(y[next]);
        at(base + i * cols + i) = g_.exp(y[next++]);
      }
    }
  }

  void cov_matrix(std::span<const Scalar> y, int64_t base) {
    const int64_t n = type_.dims[0];
    std::vector<Scalar> factor(static_cast<size_t>(n * n), Scalar(0));
    size_t next = 0;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < i; ++j) factor[static_cast<size_t>(i * n + j)] = y[next++];
      // 2^K prod_k L_kk^{K - k + 1} (k from 1), and one more L_kk for the exponential.
      add_jacobian(g_.mul(static_cast<double>(n - i + 1), y[next]));
      factor[static_cast<size_t>(i * n + i)] = g_.exp(y[next++]);
    }
    add_jacobian(static_cast<double>(n) * std::log(2.0));
    self_product(factor, n, base);
    for (int64_t i = 0; i < n; ++i) g_.assume(at(base + i * n + i), positive());
  }

  void self_product(const std::vector<Scalar>& factor, int64_t n, int64_t base) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        const std::span<const Scalar> a{factor.data() + i * n, static_cast<size_t>(j + 1)};
        const std::span<const Scalar> b{factor.data() + j * n, static_cast<size_t>(j + 1)};
        at(base + i * n + j) = at(base + j * n + i) = g_.dot(a, b);
      }
    }
  }

  Graph& g_;
  const BoundType& type_;
  std::span<const Scalar> y_;
  source::Span span_;
  const std::string& name_;
  std::vector<Scalar>* jacobian_;
  std::vector<Scalar> x_;
};

}  // namespace

namespace {

/// `.2.3`: the indices of element `flat` of the row-major order over `dims`.
std::string row_major_indices(const std::vector<int64_t>& dims, size_t flat) {
  std::string text;
  for (size_t k = dims.size(); k-- > 0;) {
    const auto size = static_cast<size_t>(dims[k]);
    text.insert(0, fmt::format(".{}", flat % size + 1));
    flat /= size;
  }
  return text;
}

/// New discrete variables, one for each element.
Value discrete_value(graph::Graph& graph, const BoundType& type, source::Span span,
                     const std::string& name) {
  constexpr int64_t kMaxVariables = int64_t{1} << 24;
  const auto before = static_cast<int64_t>(graph.discrete_variables().size());
  if (type.num_containers() > kMaxVariables - before) {
    throw TraceError{span, source::DiagnosticKind::kLimit,
                     fmt::format("`{}` brings the discrete parameters to more than {} elements",
                                 name, kMaxVariables)};
  }
  Value value = make_undefined(type);
  for (size_t k = 0; k < value.elements.size(); ++k) {
    const std::string element = name + row_major_indices(value.dims, k);
    const auto position = static_cast<int64_t>(k);
    const Scalar low = bound_at(type.low, position), high = bound_at(type.high, position);
    VINCI_CHECK(low.is_constant() && high.is_constant());  // the checker wants data here
    if (!(low.constant() <= high.constant())) {
      throw TraceError{span, source::DiagnosticKind::kArgumentValue,
                       fmt::format("`{}` is between {} and {}; a discrete parameter needs at least "
                                   "one value",
                                   element, low.constant(), high.constant())};
    }
    value.elements[k] = graph.discrete(static_cast<int64_t>(low.constant()),
                                       static_cast<int64_t>(high.constant()), element);
  }
  return value;
}

}  // namespace

int64_t unconstrained_size(const BoundType& type) {
  if (type.base == BaseType::kInt) return 0;  // a discrete variable has no coordinates
  if (type.base == BaseType::kTuple) {
    int64_t n = 0;
    for (const BoundType& element : type.elements) n += unconstrained_size(element);
    return n * type.num_containers();
  }
  const int64_t containers = type.num_containers();
  return containers == 0 ? 0 : containers * block_size(type);
}

std::string check_sizes(const BoundType& type) {
  for (const BoundType& element : type.elements) {
    std::string problem = check_sizes(element);
    if (!problem.empty()) return problem;
  }
  switch (type.constraint) {
    case ConstraintKind::kSimplex:
    case ConstraintKind::kUnitVector:
      if (type.dims[0] < 1) return "has size 0; a simplex or unit vector has at least one element";
      break;
    case ConstraintKind::kSumToZero:
    case ConstraintKind::kColumnStochastic:
    case ConstraintKind::kRowStochastic:
      for (int64_t d : type.dims) {
        if (d < 1) {
          return "has sizes " + dims_to_string(type.dims) + "; this constraint needs at least 1";
        }
      }
      break;
    case ConstraintKind::kCholeskyFactorCov:
      if (type.dims[0] < type.dims[1]) {
        return "has sizes " + dims_to_string(type.dims) +
               "; a cholesky_factor_cov has at least as many rows as columns";
      }
      break;
    default:
      break;
  }
  return {};
}

Value constrain(graph::Graph& graph, const BoundType& type, std::span<const Scalar> unconstrained,
                source::Span span, const std::string& name, std::vector<Scalar>* jacobian) {
  if (type.base == BaseType::kInt) return discrete_value(graph, type, span, name);
  if (type.base != BaseType::kTuple) {
    Value value;
    value.type = type.unsized();
    value.dims = type.all_dims();
    value.elements = Constrainer(graph, type, unconstrained, span, name, jacobian).run();
    return value;
  }
  Value value = make_undefined(type);
  size_t next = 0;
  const auto fill = [&](Value& tuple, const std::string& tuple_name) {
    for (size_t k = 0; k < type.elements.size(); ++k) {
      const auto n = static_cast<size_t>(unconstrained_size(type.elements[k]));
      tuple.members[k] = constrain(graph, type.elements[k], unconstrained.subspan(next, n), span,
                                   fmt::format("{}:{}", tuple_name, k + 1), jacobian);
      next += n;
    }
  };
  if (type.array_dims.empty()) {
    fill(value, name);
  } else {
    for (size_t i = 0; i < value.members.size(); ++i) {
      fill(value.members[i], name + row_major_indices(type.array_dims, i));
    }
  }
  return value;
}

CoordinateBounds coordinate_bounds(const BoundType& type, int64_t coordinate) {
  const int64_t block = block_size(type);
  const int64_t position =
      coordinate / block * type.container_size() + element_position(type, coordinate % block);
  const double infinity = std::numeric_limits<double>::infinity();
  const auto number = [position](const Value& bound) {
    const Scalar s = bound_at(bound, position);
    return s.is_constant() ? s.constant() : std::numeric_limits<double>::quiet_NaN();
  };
  CoordinateBounds b{-infinity, infinity};
  const ConstraintKind kind = type.constraint;
  const bool both = kind == ConstraintKind::kLowerUpper;
  if (both || kind == ConstraintKind::kLower) b.low = number(type.low);
  if (both || kind == ConstraintKind::kUpper) b.high = number(type.high);
  return b;
}

}  // namespace vinci::lower
