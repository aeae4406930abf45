// Continuous distributions: the integral of the density over an interval is the difference of the
// distribution function, whose logarithm and complement agree with it.
functions {
  void near(real x, real y, real tolerance, int which, int what) {
    if (!(abs(x - y) <= tolerance)) {
      reject("distribution ", which, ", check ", what, ": ", x, " is not ", y);
    }
  }
  real log_density(int which, real y) {
    if (which == 1) return normal_lpdf(y | 0.5, 1.2);
    if (which == 2) return student_t_lpdf(y | 3, 0.5, 1.2);
    if (which == 3) return cauchy_lpdf(y | 0.5, 1.2);
    if (which == 4) return double_exponential_lpdf(y | 0.1, 1.2);
    if (which == 5) return logistic_lpdf(y | 0.5, 1.2);
    if (which == 6) return gumbel_lpdf(y | 0.5, 1.2);
    if (which == 7) return lognormal_lpdf(y | 0.1, 0.7);
    if (which == 8) return chi_square_lpdf(y | 3.5);
    if (which == 9) return inv_chi_square_lpdf(y | 3.5);
    if (which == 10) return scaled_inv_chi_square_lpdf(y | 3.5, 0.8);
    if (which == 11) return exponential_lpdf(y | 1.3);
    if (which == 12) return gamma_lpdf(y | 2.5, 1.3);
    if (which == 13) return inv_gamma_lpdf(y | 2.5, 1.3);
    if (which == 14) return weibull_lpdf(y | 1.7, 1.3);
    if (which == 15) return frechet_lpdf(y | 1.7, 1.3);
    if (which == 16) return rayleigh_lpdf(y | 1.3);
    if (which == 17) return pareto_lpdf(y | 0.15, 1.3);
    if (which == 18) return pareto_type_2_lpdf(y | 0.05, 1.2, 1.3);
    if (which == 19) return uniform_lpdf(y | 0.1, 3.2);
    if (which == 20) return exp_mod_normal_lpdf(y | 0.2, 0.7, 1.3);
    if (which == 21) return skew_normal_lpdf(y | 0.2, 0.7, 1.3);
    if (which == 22) return skew_double_exponential_lpdf(y | 0.1, 0.7, 0.3);
    if (which == 23) return beta_lpdf(y / 4 | 2.5, 1.3) - log(4);
    if (which == 24) return std_normal_lpdf(y);
    if (which == 25) return loglogistic_lpdf(y | 1.2, 2.3);
    return von_mises_lpdf(y | 0.5, 1.2);
  }
  real distribution(int which, real y) {
    if (which == 1) return normal_cdf(y | 0.5, 1.2);
    if (which == 2) return student_t_cdf(y | 3, 0.5, 1.2);
    if (which == 3) return cauchy_cdf(y | 0.5, 1.2);
    if (which == 4) return double_exponential_cdf(y | 0.1, 1.2);
    if (which == 5) return logistic_cdf(y | 0.5, 1.2);
    if (which == 6) return gumbel_cdf(y | 0.5, 1.2);
    if (which == 7) return lognormal_cdf(y | 0.1, 0.7);
    if (which == 8) return chi_square_cdf(y | 3.5);
    if (which == 9) return inv_chi_square_cdf(y | 3.5);
    if (which == 10) return scaled_inv_chi_square_cdf(y | 3.5, 0.8);
    if (which == 11) return exponential_cdf(y | 1.3);
    if (which == 12) return gamma_cdf(y | 2.5, 1.3);
    if (which == 13) return inv_gamma_cdf(y | 2.5, 1.3);
    if (which == 14) return weibull_cdf(y | 1.7, 1.3);
    if (which == 15) return frechet_cdf(y | 1.7, 1.3);
    if (which == 16) return rayleigh_cdf(y | 1.3);
    if (which == 17) return pareto_cdf(y | 0.15, 1.3);
    if (which == 18) return pareto_type_2_cdf(y | 0.05, 1.2, 1.3);
    if (which == 19) return uniform_cdf(y | 0.1, 3.2);
    if (which == 20) return exp_mod_normal_cdf(y | 0.2, 0.7, 1.3);
    if (which == 21) return skew_normal_cdf(y | 0.2, 0.7, 1.3);
    if (which == 22) return skew_double_exponential_cdf(y | 0.1, 0.7, 0.3);
    if (which == 23) return beta_cdf(y / 4 | 2.5, 1.3);
    if (which == 24) return std_normal_cdf(y |);
    if (which == 25) return loglogistic_cdf(y | 1.2, 2.3);
    return von_mises_cdf(y | 0.5, 1.2);
  }
  real log_distribution(int which, real y) {
    if (which == 1) return normal_lcdf(y | 0.5, 1.2);
    if (which == 2) return student_t_lcdf(y | 3, 0.5, 1.2);
    if (which == 3) return cauchy_lcdf(y | 0.5, 1.2);
    if (which == 4) return double_exponential_lcdf(y | 0.1, 1.2);
    if (which == 5) return logistic_lcdf(y | 0.5, 1.2);
    if (which == 6) return gumbel_lcdf(y | 0.5, 1.2);
    if (which == 7) return lognormal_lcdf(y | 0.1, 0.7);
    if (which == 8) return chi_square_lcdf(y | 3.5);
    if (which == 9) return inv_chi_square_lcdf(y | 3.5);
    if (which == 10) return scaled_inv_chi_square_lcdf(y | 3.5, 0.8);
    if (which == 11) return exponential_lcdf(y | 1.3);
    if (which == 12) return gamma_lcdf(y | 2.5, 1.3);
    if (which == 13) return inv_gamma_lcdf(y | 2.5, 1.3);
    if (which == 14) return weibull_lcdf(y | 1.7, 1.3);
    if (which == 15) return frechet_lcdf(y | 1.7, 1.3);
    if (which == 16) return rayleigh_lcdf(y | 1.3);
    if (which == 17) return pareto_lcdf(y | 0.15, 1.3);
    if (which == 18) return pareto_type_2_lcdf(y | 0.05, 1.2, 1.3);
    if (which == 19) return uniform_lcdf(y | 0.1, 3.2);
    if (which == 20) return exp_mod_normal_lcdf(y | 0.2, 0.7, 1.3);
    if (which == 21) return skew_normal_lcdf(y | 0.2, 0.7, 1.3);
    if (which == 22) return skew_double_exponential_lcdf(y | 0.1, 0.7, 0.3);
    if (which == 23) return beta_lcdf(y / 4 | 2.5, 1.3);
    return std_normal_lcdf(y |);
  }
  real log_complement(int which, real y) {
    if (which == 1) return normal_lccdf(y | 0.5, 1.2);
    if (which == 2) return student_t_lccdf(y | 3, 0.5, 1.2);
    if (which == 3) return cauchy_lccdf(y | 0.5, 1.2);
    if (which == 4) return double_exponential_lccdf(y | 0.1, 1.2);
    if (which == 5) return logistic_lccdf(y | 0.5, 1.2);
    if (which == 6) return gumbel_lccdf(y | 0.5, 1.2);
    if (which == 7) return lognormal_lccdf(y | 0.1, 0.7);
    if (which == 8) return chi_square_lccdf(y | 3.5);
    if (which == 9) return inv_chi_square_lccdf(y | 3.5);
    if (which == 10) return scaled_inv_chi_square_lccdf(y | 3.5, 0.8);
    if (which == 11) return exponential_lccdf(y | 1.3);
    if (which == 12) return gamma_lccdf(y | 2.5, 1.3);
    if (which == 13) return inv_gamma_lccdf(y | 2.5, 1.3);
    if (which == 14) return weibull_lccdf(y | 1.7, 1.3);
    if (which == 15) return frechet_lccdf(y | 1.7, 1.3);
    if (which == 16) return rayleigh_lccdf(y | 1.3);
    if (which == 17) return pareto_lccdf(y | 0.15, 1.3);
    if (which == 18) return pareto_type_2_lccdf(y | 0.05, 1.2, 1.3);
    if (which == 19) return uniform_lccdf(y | 0.1, 3.2);
    if (which == 20) return exp_mod_normal_lccdf(y | 0.2, 0.7, 1.3);
    if (which == 21) return skew_normal_lccdf(y | 0.2, 0.7, 1.3);
    if (which == 22) return skew_double_exponential_lccdf(y | 0.1, 0.7, 0.3);
    if (which == 23) return beta_lccdf(y / 4 | 2.5, 1.3);
    return std_normal_lccdf(y |);
  }
}
transformed data {
  // Every support holds (0.25, 3); kinks lie outside. Simpson's rule with 2000 intervals.
  int num = 2000;
  real a = 0.25;
  real h = 2.75 / num;
  for (which in 1:26) {
    real total = 0;
    for (i in 0:num) {
      int weight = i == 0 || i == num ? 1 : i % 2 == 1 ? 4 : 2;
      total += weight * exp(log_density(which, a + i * h));
    }
    near(total * h / 3, distribution(which, 3) - distribution(which, a), 1e-8, which, 1);
    if (which <= 24) {
      for (y in {0.4, 1.1, 2.9}) {
        near(log_distribution(which, y), log(distribution(which, y)), 1e-10, which, 2);
        near(log_complement(which, y), log1m(distribution(which, y)), 1e-9, which, 3);
      }
    }
  }
}
