// Log masses of integer outcomes: one function each, in the parametrisation of the Stan functions
// reference.
#include "lower/library/discrete_densities.h"

#include <fmt/format.h>

#include <limits>

namespace vinci::lower {

namespace {
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
}

// ---- shared with generalised linear models and distribution functions

void bernoulli_logit(Density& d, Expr n, Expr alpha) {
  if (n.is_constant()) d.integer(n, "outcome", 0, 1);
  // of n = 1 the form log inv_logit(alpha) is the same, but the sum over n alpha is linear in what
  // alpha is made of
  d.add_product(n, alpha);
  d -= log1p_exp(alpha);
}

void binomial_logit(Density& d, Expr n, Expr trials, Expr alpha) {
  const int64_t total = d.integer(trials, "population size", 0, kNoLimit);
  const int64_t k = d.integer(n, "outcome", 0, total);
  d += log_choose(static_cast<double>(total), static_cast<double>(k));
  d.add_product(n, alpha);
  d.add_product(trials, log1p_exp(alpha), -1);
}

void poisson_log(Density& d, Expr n, Expr alpha) {
  d.integer(n, "outcome", 0, kNoLimit);
  d.add_product(n, alpha);
  d -= exp(alpha);
  d -= lgamma(n + 1.0);
}

void neg_binomial_2_log(Density& d, Expr n, Expr eta, Expr phi) {
  d.integer(n, "outcome", 0, kNoLimit);
  d.require_positive(phi, "precision");
  // (n + phi) log(1 + mu/phi) = n (log(mu + phi) - log phi) + phi log(1 + mu/phi)
  const Expr log_phi = log(phi);
  const Expr excess = log1p_exp(eta - log_phi);
  d += lgamma_difference(phi, n);
  d -= lgamma(n + 1.0);
  d.add_product(n, eta);
  d.add_product(n, log_phi, -1);
  d.add_product(n + phi, excess, -1);
}

void beta_binomial(Density& d, Expr n, Expr trials, Expr a, Expr b) {
  const int64_t total = d.integer(trials, "population size", 0, kNoLimit);
  d.require_positive(a, "first prior sample size");
  d.require_positive(b, "second prior sample size");
  const int64_t k = d.integer(n, "outcome", std::numeric_limits<int64_t>::min(), kNoLimit);
  if (k < 0 || k > total) {
    d += kNegativeInfinity;
    return;
  }
  d += log_choose(static_cast<double>(total), static_cast<double>(k));
  d += lgamma_difference(a, n);
  d += lgamma_difference(b, trials - n);
  d -= lgamma_difference(a + b, trials);
}

/// Gamma(n + r) / (n! Gamma(r)) B(beta + n, alpha + r) / B(beta, alpha).
void beta_neg_binomial(Density& d, Expr n, Expr r, Expr alpha, Expr beta) {
  d.integer(n, "outcome", 0, kNoLimit);
  d.require_positive(r, "number of successes");
  d.require_positive(alpha, "first prior shape");
  d.require_positive(beta, "second prior shape");
  d += lgamma_difference(r, n);
  d -= lgamma(n + 1.0);
  d += lgamma_difference(beta, n);
  d += lgamma_difference(alpha, r);
  d -= lgamma_difference(alpha + beta, n + r);
}

void categorical_logit(Density& d, int64_t n, std::span<const Scalar> logits) {
  d += d.expr(logits[static_cast<size_t>(n - 1)]);
  d -= d.expr(d.call().graph.log_sum_exp(logits));
}

void require_ordered(Density& d, std::span<const Scalar> c) {
  if (c.empty()) d.call().fail(fmt::format("`{}` needs at least one cut point", d.call().name));
  for (size_t k = 1; k < c.size(); ++k) {
    d.require_less(d.expr(c[k - 1]), d.expr(c[k]), "difference of neighbouring cut points");
  }
}

void ordered_logistic(Density& d, int64_t k, Expr eta, std::span<const Scalar> c) {
  // s(a) - s(b) = s(a) s(-b) (1 - e^{b - a}), s the logistic function, a = eta - c_{k-1} > b = eta
  // - c_k
  const auto last = static_cast<int64_t>(c.size()) + 1;
  const auto cut = [&](int64_t j) { return d.expr(c[static_cast<size_t>(j - 1)]); };
  if (k > 1) d -= log1p_exp(cut(k - 1) - eta);
  if (k < last) d -= log1p_exp(eta - cut(k));
  if (k > 1 && k < last) d += log1m_exp(cut(k - 1) - cut(k));
}

namespace {

// ---- binary and bounded

void bernoulli(Density& d, Expr n, Expr theta) {
  d.require_probability(theta, "probability");
  if (n.is_constant()) d.integer(n, "outcome", 0, 1);
  d.add_product(n, log(theta));
  d.add_product(1.0 - n, log1m(theta));
}

void binomial(Density& d, Expr n, Expr trials, Expr theta) {
  const int64_t total = d.integer(trials, "population size", 0, kNoLimit);
  const int64_t k = d.integer(n, "outcome", 0, total);
  d.require_probability(theta, "probability");
  d += log_choose(static_cast<double>(total), static_cast<double>(k));
  d.add_product(n, log(theta));
  d.add_product(trials - n, log1m(theta));
}

void hypergeometric(Density& d, Expr n, Expr draws, Expr a, Expr b) {
  const int64_t marked = d.integer(a, "number of marked", 0, kNoLimit);
  const int64_t unmarked = d.integer(b, "number of unmarked", 0, kNoLimit);
  const int64_t drawn = d.integer(draws, "number of draws", 0, marked + unmarked);
  const int64_t k =
      d.integer(n, "outcome", std::max<int64_t>(0, drawn - unmarked), std::min(marked, drawn));
  const auto choose = [](int64_t from, int64_t of) {
    return log_choose(static_cast<double>(from), static_cast<double>(of));
  };
  d += choose(marked, k) + choose(unmarked, drawn - k) - choose(marked + unmarked, drawn);
}

void discrete_range(Density& d, Expr y, Expr lower, Expr upper) {
  const int64_t l = d.integer(lower, "lower bound");
  const int64_t u = d.integer(upper, "upper bound", l, kNoLimit);
  const int64_t k = d.integer(y, "outcome");
  d += k < l || k > u ? kNegativeInfinity : -std::log(static_cast<double>(u - l + 1));
}

// ---- categories
// The outcome may be an array; parameters are a vector or, of the ordered, an array of vectors.

Value categorical(const Call& call, std::span<const Value> args) {
  Density d(call);
  const std::vector<Scalar>& theta = args[1].elements;
  if (args[0].elements.empty()) return Value::real(0.0);
  d.require_simplex(theta, "probabilities");
  for (const Scalar& y : args[0].elements) {
    add_category(d, y, theta.size(), [&theta](Density& one, int64_t k) {
      one += log(one.expr(theta[static_cast<size_t>(k - 1)]));
    });
  }
  return Value::real(d.total().scalar());
}

Value categorical_logit_mass(const Call& call, std::span<const Value> args) {
  Density d(call);
  const std::vector<Scalar>& logits = args[1].elements;
  for (const Scalar& y : args[0].elements) {
    add_category(d, y, logits.size(),
                 [&logits](Density& one, int64_t k) { categorical_logit(one, k, logits); });
  }
  return Value::real(d.total().scalar());
}

void ordered_probit(Density& d, int64_t k, Expr eta, std::span<const Scalar> c) {
  const auto last = static_cast<int64_t>(c.size()) + 1;
  const auto above = [&](int64_t j) {  // log P(outcome > j)
    return std_normal_lcdf(eta - d.expr(c[static_cast<size_t>(j - 1)]));
  };
  if (k == 1) {
    d += std_normal_lcdf(d.expr(c[0]) - eta);
  } else if (k == last) {
    d += above(last - 1);
  } else {
    d += log_diff_exp(above(k - 1), above(k));
  }
}

/// Outcomes, linear predictors and (vectors of) cut points, each one or one for each outcome.
template <void (*kMass)(Density&, int64_t, Expr, std::span<const Scalar>)>
Value ordered_mass(const Call& call, std::span<const Value> args) {
  const Value& cuts = args[2];
  const size_t size = common_size(call, args.first(2));
  Density d(call);
  const size_t num_cuts = cuts.type.array_depth == 0 ? 1 : static_cast<size_t>(cuts.dims[0]);
  if (cuts.type.array_depth > 0 && num_cuts != size) {
    call.fail(fmt::format("arguments 1 and 3 of `{}` have {} and {} elements; containers must have "
                          "the same size",
                          call.name, size, num_cuts),
              source::DiagnosticKind::kSize);
  }
  if (size == 0) return Value::real(0.0);
  for (size_t i = 0; i < num_cuts; ++i) require_ordered(d, vector_of(cuts, i));
  for (size_t i = 0; i < size; ++i) {
    const std::span<const Scalar> c = vector_of(cuts, i);
    const Expr eta = d.expr(element(args[1], i));
    add_category(d, element(args[0], i), c.size() + 1,
                 [&](Density& one, int64_t k) { kMass(one, k, eta, c); });
  }
  return Value::real(d.total().scalar());
}

// ---- unbounded

void neg_binomial(Density& d, Expr n, Expr alpha, Expr beta) {
  d.integer(n, "outcome", 0, kNoLimit);
  d.require_positive(alpha, "shape");
  d.require_positive(beta, "inverse scale");
  d += lgamma_difference(alpha, n);
  d -= lgamma(n + 1.0);
  d.add_product(alpha, log1p(inv(beta)), -1);
  d.add_product(n, log1p(beta), -1);
}

void neg_binomial_2(Density& d, Expr n, Expr mu, Expr phi) {
  d.integer(n, "outcome", 0, kNoLimit);
  d.require_positive(mu, "location");
  d.require_positive(phi, "precision");
  // (n + phi) log(mu + phi) = n log phi + phi log phi + (n + phi) log(1 + mu/phi): accurate where
  // phi is large
  d += lgamma_difference(phi, n);
  d -= lgamma(n + 1.0);
  d.add_product(n, log(mu));
  d.add_product(n, log(phi), -1);
  d.add_product(n + phi, log1p(mu / phi), -1);
}

void poisson(Density& d, Expr n, Expr lambda) {
  d.integer(n, "outcome", 0, kNoLimit);
  d.require_non_negative(lambda, "rate");
  d.add_product(n, log(lambda));
  d -= lambda;
  d -= lgamma(n + 1.0);
}

void yule_simon(Density& d, Expr n, Expr alpha) {
  d.integer(n, "outcome", 1, kNoLimit);
  d.require_positive(alpha, "shape");
  d += log(alpha);
  d += lgamma(n);
  d -= lgamma_difference(alpha + 1.0, n);
}

// ---- counts

/// Checks that counts and parameters have one length, adds the multinomial coefficient and returns
/// the total count.
Expr add_multinomial_coefficient(Density& d, const Value& counts, const Value& parameters) {
  if (counts.elements.size() != parameters.elements.size()) {
    d.call().fail(
        fmt::format("counts of `{}` have {} elements, its parameters {}; sizes must agree",
                    d.call().name, counts.elements.size(), parameters.elements.size()),
        source::DiagnosticKind::kSize);
  }
  for (const Scalar& n : counts.elements) {
    d.require_count(d.expr(n), "count");
    d -= lgamma(d.expr(n) + 1.0);
  }
  const Expr total = d.expr(d.call().graph.sum(counts.elements));
  d += lgamma(total + 1.0);
  return total;
}

Value multinomial(const Call& call, std::span<const Value> args) {
  Density d(call);
  add_multinomial_coefficient(d, args[0], args[1]);
  d.require_simplex(args[1].elements, "probabilities");
  for (size_t k = 0; k < args[0].elements.size(); ++k) {
    d.add_product(d.expr(args[0].elements[k]), log(d.expr(args[1].elements[k])));
  }
  return Value::real(d.total().scalar());
}

Value multinomial_logit(const Call& call, std::span<const Value> args) {
  Density d(call);
  const Expr total = add_multinomial_coefficient(d, args[0], args[1]);
  for (size_t k = 0; k < args[0].elements.size(); ++k) {
    d.add_product(d.expr(args[0].elements[k]), d.expr(args[1].elements[k]));
  }
  d.add_product(total, d.expr(call.graph.log_sum_exp(args[1].elements)), -1);
  return Value::real(d.total().scalar());
}

Value dirichlet_multinomial(const Call& call, std::span<const Value> args) {
  Density d(call);
  const Expr total = add_multinomial_coefficient(d, args[0], args[1]);
  for (size_t k = 0; k < args[0].elements.size(); ++k) {
    const Expr alpha = d.expr(args[1].elements[k]);
    d.require_positive(alpha, "prior sample size");
    d += lgamma_difference(alpha, d.expr(args[0].elements[k]));
  }
  if (!total.is_constant(0)) {
    d -= lgamma_difference(d.expr(call.graph.sum(args[1].elements)), total);
  }
  return Value::real(d.total().scalar());
}

}  // namespace

void add_discrete_densities(LibraryTable& table) {
  add_mass<bernoulli>(table, "bernoulli");
  add_mass<bernoulli_logit>(table, "bernoulli_logit");
  add_mass<binomial>(table, "binomial");
  add_mass<binomial_logit>(table, "binomial_logit");
  add_mass<beta_binomial>(table, "beta_binomial");
  add_mass<hypergeometric>(table, "hypergeometric");
  add_mass<discrete_range>(table, "discrete_range");
  add_mass_names(table, "categorical", categorical);
  add_mass_names(table, "categorical_logit", categorical_logit_mass);
  add_mass_names(table, "ordered_logistic", ordered_mass<ordered_logistic>);
  add_mass_names(table, "ordered_probit", ordered_mass<ordered_probit>);
  add_mass<neg_binomial>(table, "neg_binomial");
  add_mass<neg_binomial_2>(table, "neg_binomial_2");
  add_mass<neg_binomial_2_log>(table, "neg_binomial_2_log");
  add_mass<beta_neg_binomial>(table, "beta_neg_binomial");
  add_mass<poisson>(table, "poisson");
  add_mass<poisson_log>(table, "poisson_log");
  add_mass<yule_simon>(table, "yule_simon");
  add_mass_names(table, "multinomial", multinomial);
  add_mass_names(table, "multinomial_logit", multinomial_logit);
  add_mass_names(table, "dirichlet_multinomial", dirichlet_multinomial);
  add_discrete_cdfs(table);
}

}  // namespace vinci::lower
