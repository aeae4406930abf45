// Discrete distributions: masses add up to one and, partly, to the distribution function.
functions {
  void near(real x, real y, real tolerance, int which, int what) {
    if (!(abs(x - y) <= tolerance)) {
      reject("distribution ", which, ", check ", what, ": ", x, " is not ", y);
    }
  }
  real log_mass(int which, int n) {
    if (which == 1) return bernoulli_lpmf(n | 0.3);
    if (which == 2) return binomial_lpmf(n | 12, 0.3);
    if (which == 3) return beta_binomial_lpmf(n | 12, 1.5, 2.5);
    if (which == 4) return poisson_lpmf(n | 3.5);
    if (which == 5) return neg_binomial_lpmf(n | 2.5, 1.5);
    if (which == 6) return neg_binomial_2_lpmf(n | 2.5, 1.5);
    if (which == 7) return discrete_range_lpmf(n | 0, 9);
    if (which == 8) return bernoulli_logit_lpmf(n | -0.4);
    if (which == 9) return binomial_logit_lpmf(n | 12, -0.4);
    if (which == 10) return poisson_log_lpmf(n | 1.2);
    if (which == 11) return neg_binomial_2_log_lpmf(n | 0.7, 1.5);
    if (which == 12) return hypergeometric_lpmf(n | 5, 6, 7);
    if (which == 13) return categorical_lpmf(n + 1 | [0.2, 0.3, 0.5]');
    if (which == 14) return categorical_logit_lpmf(n + 1 | [0.2, 0.3, 0.5]');
    if (which == 15) return ordered_logistic_lpmf(n + 1 | 0.3, [-1, 0.5]');
    return ordered_probit_lpmf(n + 1 | 0.3, [-1, 0.5]');
  }
  real distribution(int which, int n) {
    if (which == 1) return bernoulli_cdf(n | 0.3);
    if (which == 2) return binomial_cdf(n | 12, 0.3);
    if (which == 3) return beta_binomial_cdf(n | 12, 1.5, 2.5);
    if (which == 4) return poisson_cdf(n | 3.5);
    if (which == 5) return neg_binomial_cdf(n | 2.5, 1.5);
    if (which == 6) return neg_binomial_2_cdf(n | 2.5, 1.5);
    return discrete_range_cdf(n | 0, 9);
  }
  real log_distribution(int which, int n) {
    if (which == 1) return bernoulli_lcdf(n | 0.3);
    if (which == 2) return binomial_lcdf(n | 12, 0.3);
    if (which == 3) return beta_binomial_lcdf(n | 12, 1.5, 2.5);
    if (which == 4) return poisson_lcdf(n | 3.5);
    if (which == 5) return neg_binomial_lcdf(n | 2.5, 1.5);
    if (which == 6) return neg_binomial_2_lcdf(n | 2.5, 1.5);
    return discrete_range_lcdf(n | 0, 9);
  }
  real log_complement(int which, int n) {
    if (which == 1) return bernoulli_lccdf(n | 0.3);
    if (which == 2) return binomial_lccdf(n | 12, 0.3);
    if (which == 3) return beta_binomial_lccdf(n | 12, 1.5, 2.5);
    if (which == 4) return poisson_lccdf(n | 3.5);
    if (which == 5) return neg_binomial_lccdf(n | 2.5, 1.5);
    if (which == 6) return neg_binomial_2_lccdf(n | 2.5, 1.5);
    return discrete_range_lccdf(n | 0, 9);
  }
}
transformed data {
  array[16] int last = {1, 12, 12, 60, 120, 120, 9, 1, 12, 60, 120, 5, 2, 2, 2, 2};
  for (which in 1:16) {
    real total = 0;
    for (n in 0:last[which]) {
      total += exp(log_mass(which, n));
      if (which <= 7 && n < min(last[which], 5)) {
        near(distribution(which, n), total, 1e-11, which, 2);
        near(log_distribution(which, n), log(total), 1e-10, which, 3);
        near(log_complement(which, n), log1m(total), 1e-10, which, 4);
      }
    }
    near(total, 1, 1e-10, which, 1);
  }
}
