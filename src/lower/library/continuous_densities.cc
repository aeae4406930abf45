// Log densities of real outcomes: one function each, in the parametrisation of the Stan functions
// reference. Addends are kept apart so that those which elements share, or which are constant,
// merge; constants are never dropped.
#include "lower/library/continuous_densities.h"

#include <algorithm>

namespace vinci::lower {

namespace {

/// -((y - mu) tau)^2 / 2.
Expr normal_kernel(Expr y, Expr mu, Expr tau) {
  return apply(graph::Op::kNormalKernel, y, mu, tau);
}

// ---- all reals

void normal(Density& d, Expr y, Expr mu, Expr sigma) {
  d.require_positive(sigma, "scale");
  d += normal_kernel(y, mu, inv(sigma));
  d -= log(sigma);
  d -= kLogSqrtTwoPi;
}

void std_normal(Density& d, Expr y) {
  d.add(-0.5, square(y));
  d -= kLogSqrtTwoPi;
}

/// Normal plus exponential of rate lambda: lambda/2 e^{lambda (mu - y) + (lambda sigma)^2/2}
/// erfc(...).
void exp_mod_normal(Density& d, Expr y, Expr mu, Expr sigma, Expr lambda) {
  d.require_positive(sigma, "scale");
  d.require_positive(lambda, "inverse scale");
  const Expr v = lambda * sigma;
  d += log(lambda);
  d += lambda * (mu - y);
  d.add(0.5, square(v));
  d += std_normal_lcdf((y - mu) / sigma - v);
}

void skew_normal(Density& d, Expr y, Expr xi, Expr omega, Expr alpha) {
  d.require_positive(omega, "scale");
  const Expr tau = inv(omega);
  d += normal_kernel(y, xi, tau);
  d -= log(omega);
  d += std_normal_lcdf(alpha * ((y - xi) * tau));
  d += std::numbers::ln2 - kLogSqrtTwoPi;
}

void student_t(Density& d, Expr y, Expr nu, Expr mu, Expr sigma) {
  d.require_positive(nu, "degrees of freedom");
  d.require_positive(sigma, "scale");
  const Expr half_nu = 0.5 * nu;
  d += lgamma_difference(half_nu, nu.of(0.5));
  d.add(-0.5, log(nu));
  d -= 0.5 * kLogPi;
  d -= log(sigma);
  d.add_product(half_nu + 0.5, log1p(square((y - mu) / sigma) / nu), -1);
}

void cauchy(Density& d, Expr y, Expr mu, Expr sigma) {
  d.require_positive(sigma, "scale");
  d -= log1p(square((y - mu) / sigma));
  d -= log(sigma);
  d -= kLogPi;
}

void double_exponential(Density& d, Expr y, Expr mu, Expr sigma) {
  d.require_positive(sigma, "scale");
  d.add_product(abs(y - mu), inv(sigma), -1);
  d -= log(sigma);
  d -= std::numbers::ln2;
}

void logistic(Density& d, Expr y, Expr mu, Expr sigma) {
  d.require_positive(sigma, "scale");
  const Expr z = (y - mu) / sigma;
  d -= z;
  d.add(-2, log1p_exp(-z));
  d -= log(sigma);
}

void gumbel(Density& d, Expr y, Expr mu, Expr beta) {
  d.require_positive(beta, "scale");
  const Expr z = (y - mu) / beta;
  d -= z;
  d -= exp(-z);
  d -= log(beta);
}

/// 2 tau (1 - tau) / sigma e^{-2/sigma ((1 - tau) (mu - y)^+ + tau (y - mu)^+)}.
void skew_double_exponential(Density& d, Expr y, Expr mu, Expr sigma, Expr tau) {
  d.require_positive(sigma, "scale");
  d.require_probability(tau, "skewness");
  const Expr difference = y - mu;
  const Expr side = select(less(difference, y.of(0.0)), tau - 1.0, tau);
  d.add_product(difference * side, inv(sigma), -2);
  d += log(tau);
  d += log1m(tau);
  d -= log(sigma);
  d += std::numbers::ln2;
}

// ---- positive reals

void lognormal(Density& d, Expr y, Expr mu, Expr sigma) {
  d.require_positive(sigma, "scale");
  d.require_non_negative(y, "outcome");
  const Expr log_y = log(y);
  if (log_y.is_constant(kNegativeInfinity)) {  // the limit; the formula has inf - inf
    d += kNegativeInfinity;
    return;
  }
  d += normal_kernel(log_y, mu, inv(sigma));
  d -= log(sigma);
  d -= log_y;
  d -= kLogSqrtTwoPi;
}

/// (a - 1) log y - b y + a log b - lgamma(a).
void gamma_addends(Density& d, Expr y, Expr a, Expr b) {
  const Expr log_y = log(y);
  if (log_y.is_constant(kNegativeInfinity)) {
    d.add_product(a - 1.0, log_y);  // a = 1: nothing
  } else {
    d.add_product(a, log_y);
    d -= log_y;
  }
  d.add_product(y, b, -1);
  d.add_product(a, log(b));
  d -= lgamma(a);
}

/// a log b - lgamma(a) - (a + 1) log y - b / y.
void inv_gamma_addends(Density& d, Expr y, Expr a, Expr b) {
  if (y.is_constant(0)) {  // e^{-b / y} wins over the power
    d += kNegativeInfinity;
    return;
  }
  const Expr log_y = log(y);
  d.add_product(a, log_y, -1);
  d -= log_y;
  d.add_product(inv(y), b, -1);
  d.add_product(a, log(b));
  d -= lgamma(a);
}

void gamma(Density& d, Expr y, Expr a, Expr b) {
  d.require_positive(a, "shape");
  d.require_positive(b, "inverse scale");
  d.require_non_negative(y, "outcome");
  gamma_addends(d, y, a, b);
}

void chi_square(Density& d, Expr y, Expr nu) {
  d.require_positive(nu, "degrees of freedom");
  d.require_non_negative(y, "outcome");
  gamma_addends(d, y, 0.5 * nu, y.of(0.5));
}

void inv_chi_square(Density& d, Expr y, Expr nu) {
  d.require_positive(nu, "degrees of freedom");
  d.require_non_negative(y, "outcome");
  inv_gamma_addends(d, y, 0.5 * nu, y.of(0.5));
}

void scaled_inv_chi_square(Density& d, Expr y, Expr nu, Expr s) {
  d.require_positive(nu, "degrees of freedom");
  d.require_positive(s, "scale");
  d.require_non_negative(y, "outcome");
  const Expr half_nu = 0.5 * nu;
  inv_gamma_addends(d, y, half_nu, half_nu * square(s));
}

void inv_gamma(Density& d, Expr y, Expr a, Expr b) {
  d.require_positive(a, "shape");
  d.require_positive(b, "scale");
  d.require_non_negative(y, "outcome");
  inv_gamma_addends(d, y, a, b);
}

void exponential(Density& d, Expr y, Expr beta) {
  d.require_positive(beta, "inverse scale");
  d.require_non_negative(y, "outcome");
  d += log(beta);
  d.add_product(y, beta, -1);
}

void weibull(Density& d, Expr y, Expr alpha, Expr sigma) {
  d.require_positive(alpha, "shape");
  d.require_positive(sigma, "scale");
  d.require_non_negative(y, "outcome");
  d += log(alpha);
  d -= log(sigma);
  const Expr log_z = log(y) - log(sigma);
  if (y.is_constant(0)) {
    d.add_product(alpha - 1.0, log(y));
    return;
  }
  d.add_product(alpha, log_z);
  d -= log_z;
  d -= exp(alpha * log_z);
}

void frechet(Density& d, Expr y, Expr alpha, Expr sigma) {
  d.require_positive(alpha, "shape");
  d.require_positive(sigma, "scale");
  d.require_positive(y, "outcome");
  const Expr log_z = log(y) - log(sigma);
  d += log(alpha);
  d -= log(sigma);
  d.add_product(alpha, log_z, -1);
  d -= log_z;
  d -= exp(-(alpha * log_z));
}

void rayleigh(Density& d, Expr y, Expr sigma) {
  d.require_positive(sigma, "scale");
  d.require_non_negative(y, "outcome");
  d += log(y);
  d.add(-2, log(sigma));
  d += normal_kernel(y, y.of(0.0), inv(sigma));
}

void loglogistic(Density& d, Expr y, Expr alpha, Expr beta) {
  d.require_positive(alpha, "scale");
  d.require_positive(beta, "shape");
  d.require_non_negative(y, "outcome");
  const Expr log_y = log(y);
  d += log(beta);
  if (log_y.is_constant(kNegativeInfinity)) {
    d.add_product(beta, log(alpha), -1);
    d.add_product(beta - 1.0, log_y);
    return;
  }
  const Expr z = beta * (log_y - log(alpha));
  d += z;
  d -= log_y;
  d.add(-2, log1p_exp(z));
}

void pareto(Density& d, Expr y, Expr y_min, Expr alpha) {
  d.require_positive(y_min, "minimum");
  d.require_positive(alpha, "shape");
  if (is_below(y, y_min)) {
    d += kNegativeInfinity;
    return;
  }
  d.require_non_negative(y - y_min, "outcome minus minimum");
  const Expr log_y = log(y);
  d += log(alpha);
  d.add_product(alpha, log(y_min));
  d.add_product(alpha, log_y, -1);
  d -= log_y;
}

void pareto_type_2(Density& d, Expr y, Expr mu, Expr lambda, Expr alpha) {
  d.require_positive(lambda, "scale");
  d.require_positive(alpha, "shape");
  d.require_non_negative(y - mu, "outcome minus location");
  const Expr l = log1p((y - mu) / lambda);
  d += log(alpha);
  d -= log(lambda);
  d.add_product(alpha, l, -1);
  d -= l;
}

// ---- intervals

/// (a - 1) log y + (b - 1) log(1 - y) - log B(a, b).
void beta_addends(Density& d, Expr y, Expr a, Expr b) {
  const Expr log_y = log(y);
  const Expr log1m_y = log1m(y);
  if (y.is_constant(0) || y.is_constant(1)) {
    d.add_product(a - 1.0, log_y);
    d.add_product(b - 1.0, log1m_y);
  } else {
    d.add_product(a, log_y);
    d -= log_y;
    d.add_product(b, log1m_y);
    d -= log1m_y;
  }
  d += lgamma(a + b);
  d -= lgamma(a);
  d -= lgamma(b);
}

void beta(Density& d, Expr y, Expr a, Expr b) {
  d.require_positive(a, "first shape");
  d.require_positive(b, "second shape");
  d.require_probability(y, "outcome");
  beta_addends(d, y, a, b);
}

void beta_proportion(Density& d, Expr y, Expr mu, Expr kappa) {
  d.require_probability(mu, "location");
  d.require_positive(kappa, "precision");
  d.require_probability(y, "outcome");
  const Expr a = mu * kappa;
  beta_addends(d, y, a, kappa - a);
}

/// Whether y is known to lie in constant bounds, as a parameter declared with the same bounds does:
/// c0 + c p, 0 <= p <= 1.
bool is_within(Density& d, Expr y, Expr lower, Expr upper) {
  if (y.is_constant() || !lower.is_constant() || !upper.is_constant()) return false;
  const graph::Graph& g = y.graph();
  const graph::Node& node = g.node(y.scalar().index());
  if (node.op != graph::Op::kLinComb || node.num_operands != 3) return false;
  constexpr uint8_t kUnit = graph::kRangeNonNegative | graph::kRangeAtMostOne;
  const auto operands = g.operands(node);
  if ((d.range(y.of(g.scalar(operands[2]))) & kUnit) != kUnit) return false;
  const double start = g.constant(operands[0]);
  const double end = start + g.constant(operands[1]);
  const double slack = 1e-14 * std::max(std::abs(start), std::abs(end));  // c0 + c rounds
  return std::min(start, end) >= lower.constant() - slack &&
         std::max(start, end) <= upper.constant() + slack;
}

void uniform(Density& d, Expr y, Expr alpha, Expr beta) {
  d.require_less(alpha, beta, "upper minus lower bound");
  const Expr above = y - alpha;
  const Expr below = beta - y;
  const Expr height = -log(beta - alpha);
  // Elsewhere the density is zero rather than undefined: a component of a mixture may well be zero.
  if ((d.range(above) & d.range(below) & graph::kRangeNonNegative) != 0 ||
      is_within(d, y, alpha, beta)) {
    d += height;
    return;
  }
  const Expr zero = y.of(0.0);
  const Expr nowhere = y.of(kNegativeInfinity);
  d += select(less(above, zero), nowhere, select(less(below, zero), nowhere, height));
}

void von_mises(Density& d, Expr y, Expr mu, Expr kappa) {
  d.require_non_negative(kappa, "concentration");
  d.add_product(kappa, apply(graph::Op::kCos, mu - y));
  d -= apply(graph::Op::kLogBesselI, kappa.of(0.0), kappa);
  d -= kLogTwoPi;
}

}  // namespace

void add_continuous_densities(LibraryTable& table) {
  add_density<normal>(table, "normal");
  add_density<std_normal>(table, "std_normal");
  add_density<exp_mod_normal>(table, "exp_mod_normal");
  add_density<skew_normal>(table, "skew_normal");
  add_density<student_t>(table, "student_t");
  add_density<cauchy>(table, "cauchy");
  add_density<double_exponential>(table, "double_exponential");
  add_density<logistic>(table, "logistic");
  add_density<gumbel>(table, "gumbel");
  add_density<skew_double_exponential>(table, "skew_double_exponential");
  add_density<lognormal>(table, "lognormal");
  add_density<chi_square>(table, "chi_square");
  add_density<inv_chi_square>(table, "inv_chi_square");
  add_density<scaled_inv_chi_square>(table, "scaled_inv_chi_square");
  add_density<exponential>(table, "exponential");
  add_density<gamma>(table, "gamma");
  add_density<inv_gamma>(table, "inv_gamma");
  add_density<weibull>(table, "weibull");
  add_density<frechet>(table, "frechet");
  add_density<rayleigh>(table, "rayleigh");
  add_density<loglogistic>(table, "loglogistic");
  add_density<pareto>(table, "pareto");
  add_density<pareto_type_2>(table, "pareto_type_2");
  add_density<beta>(table, "beta");
  add_density<beta_proportion>(table, "beta_proportion");
  add_density<uniform>(table, "uniform");
  add_density<von_mises>(table, "von_mises");
  add_continuous_cdfs(table);
  add_wiener_densities(table);
}

}  // namespace vinci::lower
