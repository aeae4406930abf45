// Parts of the table of discrete densities that have files of their own, and log masses that
// generalised linear models share.
#pragma once

#include "lower/library/density_framework.h"

namespace vinci::lower {

void add_discrete_cdfs(LibraryTable& table);

/// Elementwise log masses, outcome n; addends into `d`.
void bernoulli_logit(Density& d, Expr n, Expr alpha);
void binomial_logit(Density& d, Expr n, Expr trials, Expr alpha);
void poisson_log(Density& d, Expr n, Expr alpha);
void neg_binomial_2_log(Density& d, Expr n, Expr eta, Expr phi);
void beta_binomial(Density& d, Expr n, Expr trials, Expr a, Expr b);
void beta_neg_binomial(Density& d, Expr n, Expr r, Expr alpha, Expr beta);

/// Outcome 1 .. logits.size(): logits[n] - log sum exp.
void categorical_logit(Density& d, int64_t n, std::span<const Scalar> logits);
/// Outcome k of 1 .. c.size() + 1, linear predictor eta, increasing cut points c.
void ordered_logistic(Density& d, int64_t k, Expr eta, std::span<const Scalar> c);
/// Density zero unless c increases.
void require_ordered(Density& d, std::span<const Scalar> c);

}  // namespace vinci::lower
