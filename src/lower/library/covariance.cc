// Covariance matrices of Gaussian processes.
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "lower/library/linear_algebra.h"

namespace vinci::lower {
namespace {

using graph::Graph;
using Args = std::span<const Value>;

enum class Kernel : uint8_t {
  kExpQuad,
  kExponential,
  kMatern32,
  kMatern52,
  kPeriodic,
  kDotProduct
};

/// Points [n, d] of array[] real (d = 1) or array[] vector.
struct Points {
  int64_t n, d;
  const std::vector<Scalar>* x;
  std::span<const Scalar> at(int64_t i) const {
    return {x->data() + static_cast<size_t>(i * d), static_cast<size_t>(d)};
  }
};
Points points(const Value& v) {
  if (v.dims.size() == 2) return {v.dims[0], v.dims[1], &v.elements};
  return {static_cast<int64_t>(v.elements.size()), 1, &v.elements};
}

/// sum_k ((a_k - b_k) / length_k)^2; lengths empty: without scaling.
Scalar squared_distance(Graph& g, std::span<const Scalar> a, std::span<const Scalar> b,
                        std::span<const Scalar> inverse_lengths) {
  std::vector<Scalar> d;
  for (size_t k = 0; k < a.size(); ++k) {
    Scalar difference = g.sub(a[k], b[k]);
    if (!inverse_lengths.empty()) difference = g.mul(difference, inverse_lengths[k]);
    d.push_back(difference);
  }
  return g.dot(d, d);
}

/// sqrt with value and derivative 0 at 0: coinciding points have distance 0 whatever the
/// parameters.
Scalar safe_sqrt(Graph& g, Scalar x) {
  if (x.is_constant()) return g.sqrt(x);
  return g.sqrt(g.add(x, 1e-300));
}

struct Process {
  Graph& g;
  Kernel kernel;
  Scalar variance;                      // sigma^2; of the dot product kernel, added
  Scalar inverse_length = 1.0;          // of one length scale
  std::vector<Scalar> inverse_lengths;  // of one by dimension
  Scalar inverse_period = 1.0;

  Scalar covariance(std::span<const Scalar> a, std::span<const Scalar> b) const {
    if (kernel == Kernel::kDotProduct) return g.add(variance, g.dot(a, b));
    const Scalar r2_raw = squared_distance(g, a, b, inverse_lengths);
    if (kernel == Kernel::kPeriodic) {
      // sigma^2 exp(-2 sin^2(pi |a - b| / p) / l^2)
      const Scalar s = g.apply(
          graph::Op::kSin, g.mul(g.mul(safe_sqrt(g, r2_raw), std::numbers::pi), inverse_period));
      return scaled_exp(g.mul(g.square(g.mul(s, inverse_length)), -2.0));
    }
    const Scalar r2 = inverse_lengths.empty() ? g.mul(r2_raw, g.square(inverse_length)) : r2_raw;
    if (kernel == Kernel::kExpQuad) return scaled_exp(g.mul(r2, -0.5));
    // For data points the root is taken of the data, not of a node.
    const Scalar r =
        inverse_lengths.empty() ? g.mul(safe_sqrt(g, r2_raw), inverse_length) : safe_sqrt(g, r2);
    if (kernel == Kernel::kExponential) return scaled_exp(g.neg(r));
    const double root = std::sqrt(kernel == Kernel::kMatern32 ? 3.0 : 5.0);
    const Scalar t = g.mul(r, root);
    Scalar polynomial = g.add(t, 1.0);
    if (kernel == Kernel::kMatern52) polynomial = g.add(polynomial, g.mul(r2, 5.0 / 3));
    return g.mul(polynomial, scaled_exp(g.neg(t)));
  }
  Scalar scaled_exp(Scalar x) const { return g.mul(variance, g.exp(x)); }
};

ScalarMatrix covariances(const Process& process, const Points& a, const Points& b, bool symmetric) {
  ScalarMatrix m = zeros(a.n, b.n);
  for (int64_t i = 0; i < a.n; ++i)
    for (int64_t j = 0; j < b.n; ++j) {
      if (symmetric && j < i) {
        m.at(i, j) = m.at(j, i);
      } else if (symmetric && i == j && process.kernel != Kernel::kDotProduct) {
        m.at(i, j) = process.variance;
      } else {
        m.at(i, j) = process.covariance(a.at(i), b.at(j));
      }
    }
  return m;
}

/// x [, x2], sigma, length scale(s) [, period]; of the dot product: x [, x2], sigma.
template <Kernel kernel>
Value gp_cov(const Call& call, Args args) {
  Graph& g = call.graph;
  constexpr size_t kParameters = kernel == Kernel::kDotProduct ? 1
                                 : kernel == Kernel::kPeriodic ? 3
                                                               : 2;
  const bool symmetric = args.size() == kParameters + 1;
  const Points a = points(args[0]);
  const Points b = symmetric ? a : points(args[1]);
  const Args parameters = args.subspan(symmetric ? 1 : 2);
  if (a.n > 0 && b.n > 0 && a.d != b.d)
    call.fail(
        fmt::format("the points given to `{}` have {} and {} coordinates", call.name, a.d, b.d));
  const Scalar sigma = parameters[0].scalar();
  call.require(kernel == Kernel::kDotProduct ? graph::Guard::Kind::kNonNegative
                                             : graph::Guard::Kind::kPositive,
               sigma, fmt::format("magnitude of `{}`", call.name));
  Process process{g, kernel, g.square(sigma), 1.0, {}, 1.0};
  if (kParameters >= 2) {
    for (const Scalar& length : parameters[1].elements)
      call.require(graph::Guard::Kind::kPositive, length,
                   fmt::format("length scale of `{}`", call.name));
    if (parameters[1].is_scalar()) {
      process.inverse_length = g.inv(parameters[1].scalar());
    } else {
      if (a.n > 0 && static_cast<int64_t>(parameters[1].elements.size()) != a.d)
        call.fail(fmt::format("`{}` is given {} length scales for points of {} coordinates",
                              call.name, parameters[1].elements.size(), a.d));
      for (const Scalar& length : parameters[1].elements)
        process.inverse_lengths.push_back(g.inv(length));
    }
  }
  if (kParameters == 3) {
    call.require(graph::Guard::Kind::kPositive, parameters[2].scalar(),
                 fmt::format("period of `{}`", call.name));
    process.inverse_period = g.inv(parameters[2].scalar());
  }
  return from_matrix(covariances(process, a, b, symmetric));
}

}  // namespace

void add_covariance_functions(LibraryTable& table) {
  table.add("gp_exp_quad_cov", gp_cov<Kernel::kExpQuad>);
  table.add("cov_exp_quad", gp_cov<Kernel::kExpQuad>);
  table.add("gp_exponential_cov", gp_cov<Kernel::kExponential>);
  table.add("gp_matern32_cov", gp_cov<Kernel::kMatern32>);
  table.add("gp_matern52_cov", gp_cov<Kernel::kMatern52>);
  table.add("gp_periodic_cov", gp_cov<Kernel::kPeriodic>);
  table.add("gp_dot_prod_cov", gp_cov<Kernel::kDotProduct>);
}

}  // namespace vinci::lower
