// Random numbers: means of 10,000 draws lie within six standard errors of what they should be.
functions {
  void near(array[] real draws, real expected_mean, real expected_sd, int which) {
    real gap = abs(mean(draws) - expected_mean) / (expected_sd / sqrt(size(draws)));
    if (!(gap < 6)) {
      reject("distribution ", which, ": the mean is ", mean(draws), ", not ", expected_mean);
    }
  }
}
transformed data {
  int n = 10000;
  near(normal_rng(rep_vector(1, n), 2), 1, 2, 1);
  near(exponential_rng(rep_vector(2, n)), 0.5, 0.5, 2);
  near(gamma_rng(rep_vector(3, n), 2), 1.5, sqrt(3) / 2, 3);
  near(inv_gamma_rng(rep_vector(4, n), 3), 1, sqrt(0.5), 4);
  near(beta_rng(rep_vector(2, n), 3), 0.4, 0.2, 5);
  near(uniform_rng(rep_vector(-1, n), 3), 1, 4 / sqrt(12), 6);
  near(student_t_rng(rep_vector(5, n), 1, 2), 1, 2 * sqrt(5.0 / 3), 7);
  near(double_exponential_rng(rep_vector(1, n), 2), 1, 2 * sqrt(2), 8);
  near(logistic_rng(rep_vector(1, n), 2), 1, 2 * pi() / sqrt(3), 9);
  near(gumbel_rng(rep_vector(1, n), 2), 1 - 2 * digamma(1), 2 * pi() / sqrt(6), 10);
  near(lognormal_rng(rep_vector(0, n), 0.5), exp(0.125), sqrt(expm1(0.25) * exp(0.25)), 11);
  near(weibull_rng(rep_vector(2, n), 1), sqrt(pi()) / 2, sqrt(1 - pi() / 4), 12);
  near(rayleigh_rng(rep_vector(2, n)), 2 * sqrt(pi() / 2), 2 * sqrt(2 - pi() / 2), 13);
  near(chi_square_rng(rep_vector(3, n)), 3, sqrt(6), 14);
  near(poisson_rng(rep_vector(3.5, n)), 3.5, sqrt(3.5), 15);
  near(poisson_rng(rep_vector(350, n)), 350, sqrt(350), 16);
  near(bernoulli_rng(rep_vector(0.3, n)), 0.3, sqrt(0.21), 17);
  near(binomial_rng(rep_array(12, n), 0.3), 3.6, sqrt(12 * 0.21), 18);
  near(neg_binomial_2_rng(rep_vector(3, n), 2), 3, sqrt(3 + 4.5), 19);
  near(beta_binomial_rng(rep_array(10, n), 2, 3), 4, sqrt(10 * 0.24 * 15.0 / 6), 20);
  near(pareto_rng(rep_vector(1, n), 4), 4.0 / 3, sqrt(4 / (9.0 * 2)), 21);
  near(skew_normal_rng(rep_vector(0, n), 1, 2), 2 / sqrt(5) * sqrt(2 / pi()),
       sqrt(1 - 2 * 0.8 / pi()), 22);
  near(exp_mod_normal_rng(rep_vector(0, n), 1, 2), 0.5, sqrt(1.25), 23);
  near(von_mises_rng(rep_vector(0.5, n), 50), 0.5, 0.143, 24);
  {
    array[n] real first;
    array[n] real second;
    array[n] real third;
    array[n] real fourth;
    for (i in 1:n) {
      first[i] = multi_normal_rng([1, 2]', [[4, 1], [1, 9]])[2];
      second[i] = dirichlet_rng([1, 2, 3]')[2];
      third[i] = categorical_rng([0.2, 0.3, 0.5]');
      fourth[i] = multinomial_rng([0.2, 0.3, 0.5]', 10)[3];
    }
    near(first, 2, 3, 25);
    near(second, 1.0 / 3, sqrt(2.0 / 9 / 7), 26);
    near(third, 2.3, sqrt(0.61), 27);
    near(fourth, 5, sqrt(2.5), 28);
  }
  {
    int draws = 2000;
    array[draws] real w;
    array[draws] real c;
    for (i in 1:draws) {
      w[i] = wishart_rng(4, [[2, 0.5], [0.5, 1]])[1, 1];
      c[i] = lkj_corr_rng(3, 2)[1, 3];
    }
    near(w, 8, sqrt(2 * 4 * 4), 29);
    near(c, 0, sqrt(1.0 / 6), 30);
  }
}
