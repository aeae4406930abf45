// Distribution functions of integer outcomes. An outcome below the support has distribution
// function 0, one at or above its top 1.
#include <fmt/format.h>

#include <limits>

#include "lower/library/discrete_densities.h"

namespace vinci::lower {

namespace {

using graph::Op;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxSum = 1'000'000;

Expr log_zero(Expr x) { return x.of(kNegativeInfinity); }
Expr log_one(Expr x) { return x.of(0.0); }

/// log I_x(a, b), with its limits at constant x = 0 and 1.
Expr log_inc_beta(Expr a, Expr b, Expr x) {
  if (x.is_constant(0)) return log_zero(x);
  if (x.is_constant(1)) return log_one(x);
  return apply(Op::kLogIncBeta, a, b, x);
}

/// Whether outcomes up to n (kLower) or above n are meant.
enum class Tail { kLower, kUpper };

/// Of n below the support, or at or above its top.
Expr trivial(Expr n, bool above, Tail tail) {
  return above == (tail == Tail::kLower) ? log_one(n) : log_zero(n);
}

template <Tail kTail>
Expr bernoulli(Density& d, Expr n, Expr theta) {
  d.require_probability(theta, "probability");
  const int64_t k = d.integer(n, "outcome");
  if (k < 0 || k > 0) return trivial(n, k > 0, kTail);
  return kTail == Tail::kLower ? log1m(theta) : log(theta);
}

template <Tail kTail>
Expr binomial(Density& d, Expr n, Expr trials, Expr theta) {
  const int64_t total = d.integer(trials, "population size", 0, kNoLimit);
  d.require_probability(theta, "probability");
  const int64_t k = d.integer(n, "outcome");
  if (k < 0 || k >= total) return trivial(n, k >= total, kTail);
  return kTail == Tail::kLower ? log_inc_beta(trials - n, n + 1.0, 1.0 - theta)
                               : log_inc_beta(n + 1.0, trials - n, theta);
}

/// log sum of masses from..to.
template <auto kMass, class... Parameters>
Expr log_sum_of_masses(Density& d, int64_t from, int64_t to, Parameters... parameters) {
  if (to - from > kMaxSum) {
    d.call().fail(
        fmt::format("`{}` would sum {} masses; the limit is {}", d.call().name, to - from, kMaxSum),
        source::DiagnosticKind::kLimit);
  }
  std::vector<Scalar> masses;
  for (int64_t k = from; k <= to; ++k) {
    Density mass(d.call());
    kMass(mass, d.expr(static_cast<double>(k)), parameters...);
    masses.push_back(mass.total().scalar());
  }
  return d.expr(d.call().graph.log_sum_exp(masses));
}

template <Tail kTail>
Expr beta_binomial_tail(Density& d, Expr n, Expr trials, Expr a, Expr b) {
  const int64_t total = d.integer(trials, "population size", 0, kNoLimit);
  const int64_t k = d.integer(n, "outcome");
  if (k < 0 || k >= total) return trivial(n, k >= total, kTail);
  return kTail == Tail::kLower ? log_sum_of_masses<beta_binomial>(d, 0, k, trials, a, b)
                               : log_sum_of_masses<beta_binomial>(d, k + 1, total, trials, a, b);
}

template <Tail kTail>
Expr beta_neg_binomial_tail(Density& d, Expr n, Expr r, Expr alpha, Expr beta) {
  const int64_t k = d.integer(n, "outcome");
  if (k < 0) return trivial(n, false, kTail);
  const Expr lower = log_sum_of_masses<beta_neg_binomial>(d, 0, k, r, alpha, beta);
  return kTail == Tail::kLower ? lower : log1m_exp(lower);
}

template <Tail kTail>
Expr discrete_range(Density& d, Expr n, Expr lower, Expr upper) {
  const int64_t l = d.integer(lower, "lower bound");
  const int64_t u = d.integer(upper, "upper bound", l, kNoLimit);
  const int64_t k = d.integer(n, "outcome");
  if (k < l || k >= u) return trivial(n, k >= u, kTail);
  const auto part = static_cast<double>(kTail == Tail::kLower ? k - l + 1 : u - k);
  return n.of(std::log(part / static_cast<double>(u - l + 1)));
}

/// Of success probability p = odds / (1 + odds): log I_p(shape, n + 1).
template <Tail kTail>
Expr neg_binomial_tail(Density& d, Expr n, Expr shape, Expr odds) {
  const int64_t k = d.integer(n, "outcome");
  if (k < 0) return trivial(n, false, kTail);
  return kTail == Tail::kLower ? log_inc_beta(shape, n + 1.0, odds / (1.0 + odds))
                               : log_inc_beta(n + 1.0, shape, inv(1.0 + odds));
}

template <Tail kTail>
Expr neg_binomial(Density& d, Expr n, Expr alpha, Expr beta) {
  d.require_positive(alpha, "shape");
  d.require_positive(beta, "inverse scale");
  return neg_binomial_tail<kTail>(d, n, alpha, beta);
}

template <Tail kTail>
Expr neg_binomial_2(Density& d, Expr n, Expr mu, Expr phi) {
  d.require_positive(mu, "location");
  d.require_positive(phi, "precision");
  return neg_binomial_tail<kTail>(d, n, phi, phi / mu);
}

template <Tail kTail>
Expr poisson(Density& d, Expr n, Expr lambda) {
  d.require_non_negative(lambda, "rate");
  const int64_t k = d.integer(n, "outcome");
  if (k < 0 || lambda.is_constant(0)) return trivial(n, k >= 0, kTail);
  return log(apply(kTail == Tail::kLower ? Op::kGammaQ : Op::kGammaP, n + 1.0, lambda));
}

/// P(N > n) = n B(n, alpha + 1).
template <Tail kTail>
Expr yule_simon(Density& d, Expr n, Expr alpha) {
  d.require_positive(alpha, "shape");
  const int64_t k = d.integer(n, "outcome");
  if (k < 1) return trivial(n, false, kTail);
  const Expr upper = lgamma(n + 1.0) - lgamma_difference(alpha + 1.0, n);
  return kTail == Tail::kUpper ? upper : log1m_exp(upper);
}

}  // namespace

void add_discrete_cdfs(LibraryTable& table) {
  add_log_cdf<bernoulli<Tail::kLower>, bernoulli<Tail::kUpper>>(table, "bernoulli");
  add_log_cdf<binomial<Tail::kLower>, binomial<Tail::kUpper>>(table, "binomial");
  add_log_cdf<beta_binomial_tail<Tail::kLower>, beta_binomial_tail<Tail::kUpper>>(table,
                                                                                  "beta_binomial");
  add_log_cdf<beta_neg_binomial_tail<Tail::kLower>, beta_neg_binomial_tail<Tail::kUpper>>(
      table, "beta_neg_binomial");
  add_log_cdf<discrete_range<Tail::kLower>, discrete_range<Tail::kUpper>>(table, "discrete_range");
  add_log_cdf<neg_binomial<Tail::kLower>, neg_binomial<Tail::kUpper>>(table, "neg_binomial");
  add_log_cdf<neg_binomial_2<Tail::kLower>, neg_binomial_2<Tail::kUpper>>(table, "neg_binomial_2");
  add_log_cdf<poisson<Tail::kLower>, poisson<Tail::kUpper>>(table, "poisson");
  add_log_cdf<yule_simon<Tail::kLower>, yule_simon<Tail::kUpper>>(table, "yule_simon");
}

}  // namespace vinci::lower
