#include "infer/family/sinh_arcsinh_normal.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "infer/dense.h"
#include "numeric/special/row_functions.h"

namespace vinci::infer {
namespace {

using numeric::RowFunction;

void apply(RowFunction f, const double* x, double* y, Index n) {
  using namespace numeric;
  VINCI_SIMD_SELECT(row_function)(f, x, nullptr, y, n);
}

/// log (h'(u) delta) = log(1 + v^2) / 2 - log(1 + u^2) / 2, for v = h(u).
double log_slope(double u, double v) {
  // hypot: squares of v overflow in tails that are still finite.
  return std::log(std::hypot(1.0, v)) - 0.5 * std::log1p(u * u);
}

}  // namespace

void sinh_arcsinh(double eps, double delta, const double* u, double* v, Index n) {
  if (eps == 0 && delta == 1) {
    // Exactly the normal, not up to the rounding of two functions.
    for (Index i = 0; i < n; ++i) v[i] = u[i];
    return;
  }
  apply(RowFunction::asinh, u, v, n);
  for (Index i = 0; i < n; ++i) v[i] = (v[i] + eps) / delta;
  apply(RowFunction::sinh, v, v, n);
}

void inverse_sinh_arcsinh(double eps, double delta, const double* v, double* u, Index n) {
  if (eps == 0 && delta == 1) {
    for (Index i = 0; i < n; ++i) u[i] = v[i];
    return;
  }
  apply(RowFunction::asinh, v, u, n);
  for (Index i = 0; i < n; ++i) u[i] = delta * u[i] - eps;
  apply(RowFunction::sinh, u, u, n);
}

const NormalQuadrature& NormalQuadrature::get() {
  static const NormalQuadrature rule = [] {
    NormalQuadrature r;
    constexpr int kReach = 40;  // ten deviations: what is beyond weighs less than 1e-22
    for (int k = -kReach; k <= kReach; ++k) {
      const double u = kSpacing * k;
      r.nodes.push_back(u);
      r.weights.push_back(kSpacing * std::exp(-0.5 * u * u) / std::sqrt(2 * std::numbers::pi));
    }
    return r;
  }();
  return rule;
}

SinhArcsinhNormal::SinhArcsinhNormal(FullRankNormal base, std::vector<double> skew,
                                     std::vector<double> tail)
    : base_(std::move(base)), skew_(std::move(skew)), tail_(std::move(tail)) {
  const Index n = dim();
  VINCI_CHECK(static_cast<Index>(skew_.size()) == n && static_cast<Index>(tail_.size()) == n);
  log_normaliser_ = -0.5 * static_cast<double>(n) * std::log(2 * std::numbers::pi);
  entropy_ = 0.5 * static_cast<double>(n) * (1 + std::log(2 * std::numbers::pi));
  const NormalQuadrature& rule = NormalQuadrature::get();
  std::vector<double> v(rule.nodes.size());
  for (Index i = 0; i < n; ++i) {
    const double eps = skew_[static_cast<size_t>(i)], delta = tail_[static_cast<size_t>(i)];
    VINCI_CHECK(delta > 0);
    const double log_scale = std::log(base_.factor()[static_cast<size_t>(i * n + i)] / delta);
    log_normaliser_ -= log_scale;
    entropy_ += log_scale;
    sinh_arcsinh(eps, delta, rule.nodes.data(), v.data(), static_cast<Index>(v.size()));
    for (size_t k = 0; k < v.size(); ++k)
      entropy_ += rule.weights[k] * log_slope(rule.nodes[k], v[k]);
  }
}

void SinhArcsinhNormal::draw(numeric::RandomKey key, uint32_t step, uint32_t first_lane,
                             MutableLaneMatrix points, std::span<double> log_q) const {
  const Index n = dim(), lanes = points.lanes;
  Matrix u(n, lanes), v(n, lanes);
  numeric::fill_normal(key, step, first_lane, n, lanes, u.data(), lanes);
  for (Index l = 0; l < lanes; ++l) log_q[static_cast<size_t>(l)] = log_normaliser_;
  for (Index i = 0; i < n; ++i) {
    const auto k = static_cast<size_t>(i);
    sinh_arcsinh(skew_[k], tail_[k], u.row(i).data(), v.row(i).data(), lanes);
    for (Index l = 0; l < lanes; ++l) {
      log_q[static_cast<size_t>(l)] -= 0.5 * u(i, l) * u(i, l) + log_slope(u(i, l), v(i, l));
    }
  }
  base_.reparameterise(lanes_of(v), points);
}

void SinhArcsinhNormal::log_q(LaneMatrix points, std::span<double> log_q) const {
  const Index n = dim(), lanes = points.lanes;
  Matrix v(n, lanes);
  Vector u(lanes);
  base_.whiten(points, mutable_lanes(v));
  for (Index l = 0; l < lanes; ++l) log_q[static_cast<size_t>(l)] = log_normaliser_;
  for (Index i = 0; i < n; ++i) {
    const auto k = static_cast<size_t>(i);
    inverse_sinh_arcsinh(skew_[k], tail_[k], v.row(i).data(), u.data(), lanes);
    for (Index l = 0; l < lanes; ++l) {
      log_q[static_cast<size_t>(l)] -= 0.5 * u[l] * u[l] + log_slope(u[l], v(i, l));
    }
  }
}

}  // namespace vinci::infer
