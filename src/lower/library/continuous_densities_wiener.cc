// First passage times of a Wiener process with drift between two boundaries (the drift diffusion
// model of reaction times): the density of arriving at the upper one.
#include <fmt/format.h>

#include <array>
#include <vector>

#include "lower/library/continuous_densities.h"
#include "lower/library/dual_function.h"

namespace vinci::lower {

namespace {

/// log of sum_k k pi e^{-k^2 pi^2 t/2} sin(k pi w), k >= 1, which is
/// sum_k (w + 2 k) e^{-(w + 2 k)^2 / (2 t)} / sqrt(2 pi t^3), k of both signs: the density of the
/// first passage of 0 from w, by a driftless process with an absorbing boundary at 1.  [Navarro and
/// Fuss 2009, doi 10.1016/j.jmp.2009.02.003, eqs. (5), (6)] The leading term is taken out of either
/// sum, so that its relative error counts. At t = 1/2 both have converged to 1e-16 after six terms:
/// (2 k)^2/(2 t) > 37 from k = 3 on, (k^2 - 1) pi^2 t/2 > 37 from k = 5 on.
template <class T>
T log_standard_passage(T t, T w) {
  using std::exp;
  using std::log;
  using std::sin;
  constexpr double kPi = std::numbers::pi;
  if (value_of(t) < 0.5) {
    T sum = w;
    for (int k = 1; k <= 5; ++k) {
      const T up = w + T(2.0 * k);
      const T down = w - T(2.0 * k);
      sum = sum + up * exp((w * w - up * up) / (T(2.0) * t)) +
            down * exp((w * w - down * down) / (T(2.0) * t));
    }
    return log(sum) - w * w / (T(2.0) * t) - T(1.5) * log(t) - T(kLogSqrtTwoPi);
  }
  T sum(0.0);
  for (int k = 1; k <= 6; ++k) {
    sum = sum + T(k) * exp(T(-(k * k - 1) * kPi * kPi / 2) * t) * sin(T(k * kPi) * w);
  }
  return log(sum) - T(kPi * kPi / 2) * t + T(kLogPi);
}

/// log density at decision time t > 0; drift normal(delta, s).
template <class T>
T log_passage(T t, T alpha, T beta, T delta, T s) {
  using std::log;
  if (!(value_of(t) > 0)) return T(kNegativeInfinity);
  const T w = T(1.0) - beta;
  const T spread = T(1.0) + s * s * t;
  const T as = s * alpha * w;
  const T tilt = (as * as + T(2.0) * alpha * delta * w - delta * delta * t) / (T(2.0) * spread);
  return log_standard_passage<T>(t / (alpha * alpha), w) - T(2.0) * log(alpha) + tilt -
         T(0.5) * log(spread);
}

/// Nodes and weights of Gauss-Legendre quadrature on [-1/2, 1/2].
struct Quadrature {
  static constexpr int kNodes = 40;
  std::array<double, kNodes> node;
  std::array<double, kNodes> weight;

  Quadrature() {
    for (int i = 0; i < kNodes; ++i) {
      double x = std::cos(std::numbers::pi * (i + 0.75) / (kNodes + 0.5));
      double slope = 1;
      for (int iteration = 0; iteration < 100; ++iteration) {  // Newton's method on P_n
        double p = 1;
        double before = 0;
        for (int j = 1; j <= kNodes; ++j) {
          const double next = ((2 * j - 1) * x * p - (j - 1) * before) / j;
          before = p;
          p = next;
        }
        slope = kNodes * (x * p - before) / (x * x - 1);
        const double step = p / slope;
        x -= step;
        if (std::abs(step) < 1e-15) break;
      }
      node[static_cast<size_t>(i)] = 0.5 * x;
      weight[static_cast<size_t>(i)] = 1 / ((1 - x * x) * slope * slope);
    }
  }
};

const Quadrature& quadrature() {
  static const Quadrature rule;
  return rule;
}

/// Of inputs (y, alpha, tau, beta, delta).
struct Wiener {
  static constexpr int kInputs = 5;
  static const char* name() { return "wiener"; }
  template <class T>
  static T value(const std::array<T, 5>& in) {
    return log_passage<T>(in[0] - in[2], in[1], in[3], in[4], T(0.0));
  }
};

/// Of inputs (y, alpha, tau, beta, delta, s_delta, s_beta, s_tau): the start uniform on beta +-
/// s_beta/2, the non-decision time uniform on tau .. tau + s_tau (times after y have density zero).
struct WienerSpread {
  static constexpr int kInputs = 8;
  static const char* name() { return "wiener_spread"; }

  template <class T>
  static T value(const std::array<T, 8>& in) {
    using std::exp;
    using std::log;
    const auto& rule = quadrature();
    const T t = in[0] - in[2];
    // the integration over the non-decision time ends where no decision time is left
    T span = in[7];
    if (value_of(span) > value_of(t)) span = t;
    const int tau_nodes = value_of(in[7]) > 0 ? Quadrature::kNodes : 1;
    const int beta_nodes = value_of(in[6]) > 0 ? Quadrature::kNodes : 1;
    std::vector<T> logs;
    double top = kNegativeInfinity;
    for (int i = 0; i < tau_nodes; ++i) {
      for (int j = 0; j < beta_nodes; ++j) {
        T decision = t;
        T start = in[3];
        double weight = 1;
        if (tau_nodes > 1) {
          decision = t - span * T(rule.node[static_cast<size_t>(i)] + 0.5);
          weight *= rule.weight[static_cast<size_t>(i)];
        }
        if (beta_nodes > 1) {
          start = in[3] + in[6] * T(rule.node[static_cast<size_t>(j)]);
          weight *= rule.weight[static_cast<size_t>(j)];
        }
        logs.push_back(log_passage<T>(decision, in[1], start, in[4], in[5]) + T(std::log(weight)));
        top = std::fmax(top, value_of(logs.back()));
      }
    }
    T sum(0.0);
    for (const T& l : logs) {
      if (value_of(l) > kNegativeInfinity) sum = sum + exp(l - T(top));
    }
    T result = log(sum) + T(top);
    if (tau_nodes > 1) result = result + log(span) - log(in[7]);
    return result;
  }
};

void check(Density& d, Expr y, Expr alpha, Expr tau, Expr beta) {
  d.require_positive(alpha, "boundary separation");
  d.require_positive(tau, "non-decision time");
  d.require_positive(beta, "relative start");
  d.require_positive(1.0 - beta, "1 - relative start");
  d.require_positive(y - tau, "outcome minus non-decision time");
}

void wiener(Density& d, Expr y, Expr alpha, Expr tau, Expr beta, Expr delta) {
  check(d, y, alpha, tau, beta);
  const Scalar inputs[] = {y.scalar(), alpha.scalar(), tau.scalar(), beta.scalar(), delta.scalar()};
  d += y.of(y.graph().call(dual_function<Wiener>(), inputs)[0]);
}

void wiener_spread(Density& d, Expr y, Expr alpha, Expr tau, Expr beta, Expr delta, Expr s_delta,
                   Expr s_beta, Expr s_tau) {
  check(d, y, alpha, tau, beta);
  d.require_non_negative(s_delta, "standard deviation of the drift");
  d.require_non_negative(s_beta, "range of the start");
  d.require_non_negative(s_tau, "range of the non-decision time");
  d.require_positive(beta - 0.5 * s_beta, "lowest relative start");
  d.require_positive(1.0 - (beta + 0.5 * s_beta), "1 - highest relative start");
  const Scalar inputs[] = {y.scalar(),     alpha.scalar(),   tau.scalar(),    beta.scalar(),
                           delta.scalar(), s_delta.scalar(), s_beta.scalar(), s_tau.scalar()};
  d += y.of(y.graph().call(dual_function<WienerSpread>(), inputs)[0]);
}

void wiener_drift_spread(Density& d, Expr y, Expr alpha, Expr tau, Expr beta, Expr delta,
                         Expr s_delta) {
  wiener_spread(d, y, alpha, tau, beta, delta, s_delta, y.of(0.0), y.of(0.0));
}

Value wiener_by_arity(const Call& call, std::span<const Value> args) {
  if (args.size() == 5) return sum_density<wiener>(call, args);
  if (args.size() == 6) return sum_density<wiener_drift_spread>(call, args);
  if (args.size() == 8) return sum_density<wiener_spread>(call, args);
  call.fail(fmt::format("`{}` has {} arguments; expected 5, 6 or 8", call.name, args.size()),
            source::DiagnosticKind::kArgumentCount);
}

}  // namespace

void add_wiener_densities(LibraryTable& table) {
  add_density_names(table, "wiener", wiener_by_arity);
}

}  // namespace vinci::lower
