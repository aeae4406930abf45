// A function of few scalars that has no operation of its own in the graph: written once as a
// template, evaluated with doubles, differentiated with dual numbers.
#pragma once

#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "graph/graph.h"

namespace vinci::lower {

/// value + sum_k partial[k] e_k, e_j e_k = 0.
template <int n>
struct Dual {
  double value = 0;
  std::array<double, n> partial{};

  Dual() = default;
  Dual(double v) : value(v) {}  // implicit: constants mix with duals

  /// f(this) with f' = slope.
  Dual chain(double f, double slope) const {
    Dual r(f);
    for (int k = 0; k < n; ++k) r.partial[k] = slope == 0 ? 0 : slope * partial[k];
    return r;
  }
  friend Dual operator+(Dual a, const Dual& b) {
    a.value += b.value;
    for (int k = 0; k < n; ++k) a.partial[k] += b.partial[k];
    return a;
  }
  friend Dual operator-(Dual a, const Dual& b) {
    a.value -= b.value;
    for (int k = 0; k < n; ++k) a.partial[k] -= b.partial[k];
    return a;
  }
  friend Dual operator-(const Dual& a) { return Dual() - a; }
  friend Dual operator*(const Dual& a, const Dual& b) {
    Dual r(a.value * b.value);
    for (int k = 0; k < n; ++k) r.partial[k] = a.value * b.partial[k] + b.value * a.partial[k];
    return r;
  }
  friend Dual operator/(const Dual& a, const Dual& b) {
    Dual r(a.value / b.value);
    for (int k = 0; k < n; ++k) r.partial[k] = (a.partial[k] - r.value * b.partial[k]) / b.value;
    return r;
  }
  friend Dual exp(const Dual& a) {
    const double e = std::exp(a.value);
    return a.chain(e, e);
  }
  friend Dual log(const Dual& a) { return a.chain(std::log(a.value), 1 / a.value); }
  friend Dual sqrt(const Dual& a) {
    const double r = std::sqrt(a.value);
    return a.chain(r, 0.5 / r);
  }
  friend Dual sin(const Dual& a) { return a.chain(std::sin(a.value), std::cos(a.value)); }
  friend double value_of(const Dual& a) { return a.value; }
};
inline double value_of(double x) { return x; }

/// F: `static constexpr int kInputs`, `static const char* name()`, `template <class T> static T
/// value(const std::array<T, kInputs>&)`. One output; reverse evaluates F once more, with duals.
template <class F>
class DualFunction : public graph::ArrayFunction {
 public:
  static constexpr int n = F::kInputs;

  std::string name() const override { return F::name(); }
  int num_inputs() const override { return n; }
  int num_outputs() const override { return 1; }

  void forward(const double* const* in, double* const* out, double*, int lanes) const override {
    for (int l = 0; l < lanes; ++l) {
      std::array<double, n> x;
      for (int k = 0; k < n; ++k) x[k] = in[k][l];
      out[0][l] = F::value(x);
    }
  }

  void reverse(const double* const* in, const double* const*, const double* const* adjoint_out,
               double* const* adjoint_in, double*, int lanes) const override {
    for (int l = 0; l < lanes; ++l) {
      const double adjoint = adjoint_out[0][l];
      if (adjoint == 0) continue;
      std::array<Dual<n>, n> x;
      for (int k = 0; k < n; ++k) {
        x[k] = Dual<n>(in[k][l]);
        x[k].partial[k] = 1;
      }
      const Dual<n> y = F::value(x);
      for (int k = 0; k < n; ++k) {
        if (adjoint_in[k] != nullptr) adjoint_in[k][l] += adjoint * y.partial[k];
      }
    }
  }
};

/// The one instance of F.
template <class F>
const std::shared_ptr<const graph::ArrayFunction>& dual_function() {
  static const std::shared_ptr<const graph::ArrayFunction> function =
      std::make_shared<DualFunction<F>>();
  return function;
}

}  // namespace vinci::lower
