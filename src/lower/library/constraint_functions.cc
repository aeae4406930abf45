// The constraint transforms as functions of the language: `simplex_constrain(y)`,
// `simplex_jacobian(y)` (which also adds the log Jacobian to the density) and
// `simplex_unconstrain(x)`, and so on for every constraint.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "lower/bound_type.h"
#include "lower/library.h"
#include "lower/transforms.h"

namespace vinci::lower {
namespace {

using Args = std::span<const Value>;
using K = ConstraintKind;

enum class Direction { kConstrain, kJacobian, kUnconstrain };

struct Family {
  const char* prefix;
  ConstraintKind kind;
};
constexpr Family kFamilies[] = {
    {"lower_bound_", K::kLower},
    {"upper_bound_", K::kUpper},
    {"lower_upper_bound_", K::kLowerUpper},
    {"offset_multiplier_", K::kOffsetMultiplier},
    {"ordered_", K::kOrdered},
    {"positive_ordered_", K::kPositiveOrdered},
    {"simplex_", K::kSimplex},
    {"unit_vector_", K::kUnitVector},
    {"stochastic_column_", K::kColumnStochastic},
    {"stochastic_row_", K::kRowStochastic},
    {"sum_to_zero_", K::kSumToZero},
    {"cholesky_factor_corr_", K::kCholeskyFactorCorr},
    {"corr_matrix_", K::kCorrMatrix},
    {"cov_matrix_", K::kCovMatrix},
    {"cholesky_factor_cov_", K::kCholeskyFactorCov},
};

ConstraintKind kind_of(std::string_view name) {
  for (const Family& f : kFamilies) {
    if (name.starts_with(f.prefix)) return f.kind;
  }
  VINCI_CHECK(false);
  return K::kNone;
}

Direction direction_of(std::string_view name) {
  if (name.ends_with("_unconstrain")) return Direction::kUnconstrain;
  return name.ends_with("_jacobian") ? Direction::kJacobian : Direction::kConstrain;
}

Value transformed(const Call& call, const BoundType& type, std::span<const Scalar> y) {
  std::vector<Scalar> jacobian;
  const bool with_jacobian = direction_of(call.name) == Direction::kJacobian;
  const std::string name(call.name);
  Value x = constrain(call.graph, type, y, call.span, name, with_jacobian ? &jacobian : nullptr);
  for (const Scalar& addend : jacobian) {
    call.graph.add_term(call.graph.select(call.condition, addend, 0.0), call.span, true);
  }
  return x;
}

std::vector<double> unconstrained(const Call& call, const BoundType& type, const Value& x) {
  if (!x.is_constant() || !type.low.is_constant() || !type.high.is_constant()) {
    call.fail("`" + std::string(call.name) + "` of values that depend on parameters is not covered",
              source::DiagnosticKind::kNotCovered);
  }
  std::vector<double> y;
  if (const std::string problem = unconstrain(type, x, y); !problem.empty()) {
    call.fail(fmt::format("the argument of `{}` {}", call.name, problem));
  }
  return y;
}

/// Bounds, offset and multiplier: elementwise, scalars are repeated.
Value elementwise(const Call& call, Args args) {
  BoundType type;
  type.constraint = kind_of(call.name);
  const Value* shape = &args[0];
  for (const Value& a : args) {
    if (shape->is_scalar() && !a.is_scalar()) shape = &a;
  }
  for (const Value& a : args) {
    if (!a.is_scalar() && a.dims != shape->dims) {
      call.fail("the arguments of `" + std::string(call.name) + "` have different sizes: " +
                    dims_to_string(shape->dims) + " and " + dims_to_string(a.dims),
                source::DiagnosticKind::kSize);
    }
  }
  type.array_dims = shape->dims;
  const bool has_low = type.constraint != K::kUpper;
  if (has_low) type.low = args[1];
  if (args.size() == 3) type.high = args[2];
  if (!has_low) type.high = args[1];
  std::vector<Scalar> y = args[0].elements;
  if (args[0].is_scalar()) y.assign(static_cast<size_t>(shape->size()), args[0].scalar());
  Value out;
  if (direction_of(call.name) == Direction::kUnconstrain) {
    Value x;
    x.dims = shape->dims;
    x.elements = y;
    const std::vector<double> back = unconstrained(call, type, x);
    out.elements.assign(back.begin(), back.end());
  } else {
    out = transformed(call, type, y);
  }
  out.dims = shape->dims;
  out.type = shape->type;
  if (out.type.base == BaseType::kInt) out.type.base = BaseType::kReal;
  return out;
}

/// Coordinates in the order of the transforms: matrices column-major.
std::vector<Scalar> coordinates(const Value& y) {
  const auto depth = static_cast<size_t>(y.type.array_depth);
  if (y.dims.size() != depth + 2) return y.elements;
  const auto rows = static_cast<size_t>(y.dims[depth]),
             cols = static_cast<size_t>(y.dims[depth + 1]);
  std::vector<Scalar> out;
  out.reserve(y.elements.size());
  for (size_t base = 0; base < y.elements.size(); base += rows * cols) {
    for (size_t j = 0; j < cols; ++j) {
      for (size_t i = 0; i < rows; ++i) out.push_back(y.elements[base + i * cols + j]);
    }
  }
  return out;
}

Value structured(const Call& call, Args args) {
  const Value& in = args[0];
  const bool is_inverse = direction_of(call.name) == Direction::kUnconstrain;
  const auto depth = static_cast<size_t>(in.type.array_depth);
  BoundType type;
  type.constraint = kind_of(call.name);
  type.array_dims.assign(in.dims.begin(), in.dims.begin() + static_cast<std::ptrdiff_t>(depth));
  const std::vector<int64_t> inner(in.dims.begin() + static_cast<std::ptrdiff_t>(depth),
                                   in.dims.end());
  const int64_t grow = is_inverse ? 0 : 1;
  bool is_matrix = inner.size() == 2;
  std::vector<int64_t> free_dims = inner;  // of the unconstrained container
  switch (type.constraint) {
    case K::kSimplex:
      type.dims = {inner[0] + grow};
      free_dims = {type.dims[0] - 1};
      break;
    case K::kSumToZero:
      type.dims = inner;
      for (int64_t& d : type.dims) d += grow;
      free_dims = type.dims;
      for (int64_t& d : free_dims) d -= 1;
      break;
    case K::kColumnStochastic:
      type.dims = {inner[0] + grow, inner[1]};
      free_dims = {type.dims[0] - 1, inner[1]};
      break;
    case K::kRowStochastic:
      type.dims = {inner[0], inner[1] + grow};
      free_dims = {inner[0], type.dims[1] - 1};
      break;
    case K::kOrdered:
    case K::kPositiveOrdered:
    case K::kUnitVector:
      type.dims = inner;
      break;
    default: {  // a matrix whose coordinates are a vector
      is_matrix = true;
      if (is_inverse) {
        type.dims = inner;
      } else {
        for (size_t k = 1; k < args.size(); ++k) {
          const Scalar size = args[k].scalar();
          if (!size.is_constant() || size.constant() < 0 || size.constant() > 1e4) {
            call.fail("a size of `" + std::string(call.name) + "` is out of range");
          }
          type.dims.push_back(static_cast<int64_t>(size.constant()));
        }
        if (type.dims.size() == 1) type.dims.push_back(type.dims[0]);
      }
      break;
    }
  }
  type.base = is_matrix ? BaseType::kMatrix : BaseType::kVector;
  if (const std::string problem = check_sizes(type); !problem.empty()) {
    call.fail(fmt::format("the result of `{}` {}", call.name, problem),
              source::DiagnosticKind::kSize);
  }
  if (!is_inverse) {
    if (unconstrained_size(type) != static_cast<int64_t>(in.elements.size())) {
      call.fail(fmt::format("`{}` needs {} elements; the argument has {}", call.name,
                            unconstrained_size(type), in.elements.size()),
                source::DiagnosticKind::kSize);
    }
    return transformed(call, type, coordinates(in));
  }
  const std::vector<double> y = unconstrained(call, type, in);
  Value out;
  out.type = in.type;
  out.dims = type.array_dims;
  if (free_dims.size() == 2 &&
      (type.constraint == K::kSumToZero || type.constraint == K::kColumnStochastic ||
       type.constraint == K::kRowStochastic)) {
    out.dims.insert(out.dims.end(), free_dims.begin(), free_dims.end());
    const auto rows = static_cast<size_t>(free_dims[0]), cols = static_cast<size_t>(free_dims[1]);
    out.elements.resize(y.size());
    for (size_t base = 0; base < y.size(); base += rows * cols) {
      for (size_t k = 0; k < rows * cols; ++k)
        out.elements[base + (k % rows) * cols + k / rows] = y[base + k];
    }
    return out;
  }
  const int64_t containers = type.num_containers();
  out.type.base = BaseType::kVector;
  out.dims.push_back(containers == 0 ? 0 : static_cast<int64_t>(y.size()) / containers);
  out.elements.assign(y.begin(), y.end());
  return out;
}

}  // namespace

void add_constraint_functions(LibraryTable& table) {
  for (const Family& f : kFamilies) {
    const bool is_elementwise = f.kind == K::kLower || f.kind == K::kUpper ||
                                f.kind == K::kLowerUpper || f.kind == K::kOffsetMultiplier;
    for (const char* ending : {"constrain", "jacobian", "unconstrain"}) {
      table.add(std::string(f.prefix) + ending, is_elementwise ? elementwise : structured);
    }
  }
}

}  // namespace vinci::lower
