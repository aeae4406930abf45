// Multivariate densities against each other and against products of univariate ones.
functions {
  void near(real x, real y, real tolerance, int which) {
    if (!(abs(x - y) <= tolerance * (1 + abs(y)))) {
      reject("check ", which, ": ", x, " is not ", y);
    }
  }
}
transformed data {
  real tol = 1e-11;
  vector[2] y = [0.5, -1]';
  vector[2] mu = [0.2, 0.3]';
  matrix[2, 2] S = [[2, 0.6], [0.6, 1]];
  matrix[2, 2] L = cholesky_decompose(S);
  matrix[2, 2] D = diag_matrix([4, 9]');
  matrix[3, 2] X = [[1, 0.5], [-1, 2], [0.3, 0.1]];
  vector[2] beta_1 = [0.4, -0.7]';
  vector[3] eta = 0.2 + X * beta_1;
  array[3] int k = {1, 0, 1};
  array[3] int m = {3, 0, 2};
  vector[3] z = [0.1, 2, -1]';
  near(multi_normal_lpdf(y | mu, D), normal_lpdf(y | mu, [2, 3]'), tol, 1);
  near(multi_normal_cholesky_lpdf(y | mu, L), multi_normal_lpdf(y | mu, S), tol, 2);
  near(multi_normal_prec_lpdf(y | mu, inverse_spd(S)), multi_normal_lpdf(y | mu, S), tol, 3);
  near(multi_normal_lpdf({y, mu} | mu, S),
       multi_normal_lpdf(y | mu, S) + multi_normal_lpdf(mu | mu, S), tol, 4);
  near(multi_student_t_lpdf([0.7]' | 4, [0.1]', [[2.25]]),
       student_t_lpdf(0.7 | 4, 0.1, 1.5), tol, 5);
  near(multi_student_t_cholesky_lpdf(y | 4, mu, L), multi_student_t_lpdf(y | 4, mu, S), tol, 6);
  near(dirichlet_lpdf([0.3, 0.7]' | [2, 3]'), beta_lpdf(0.3 | 2, 3), tol, 7);
  near(multinomial_lpmf({2, 3} | [0.3, 0.7]'), binomial_lpmf(2 | 5, 0.3), tol, 8);
  near(multinomial_logit_lpmf({2, 3} | log([0.3, 0.7]')), binomial_lpmf(2 | 5, 0.3), tol, 9);
  near(dirichlet_multinomial_lpmf({2, 3} | [1.5, 2.5]'),
       beta_binomial_lpmf(2 | 5, 1.5, 2.5), tol, 10);
  near(wishart_lpdf([[1.3]] | 3, [[2]]), gamma_lpdf(1.3 | 1.5, 0.25), tol, 11);
  near(inv_wishart_lpdf([[1.3]] | 3, [[2]]), inv_gamma_lpdf(1.3 | 1.5, 1), tol, 12);
  // On 2 by 2 correlations (r + 1) / 2 has a beta density.
  near(lkj_corr_lpdf([[1, 0.4], [0.4, 1]] | 2.5), beta_lpdf(0.7 | 2.5, 2.5) - log(2), tol, 13);
  near(lkj_corr_cholesky_lpdf(cholesky_decompose([[1, 0.4], [0.4, 1]]) | 2.5),
       beta_lpdf(0.7 | 2.5, 2.5) - log(2), tol, 14);
  near(normal_id_glm_lpdf(z | X, 0.2, beta_1, 1.5), normal_lpdf(z | eta, 1.5), tol, 15);
  near(bernoulli_logit_glm_lpmf(k | X, 0.2, beta_1), bernoulli_logit_lpmf(k | eta), tol, 16);
  near(poisson_log_glm_lpmf(m | X, 0.2, beta_1), poisson_log_lpmf(m | eta), tol, 17);
  near(neg_binomial_2_log_glm_lpmf(m | X, 0.2, beta_1, 1.5),
       neg_binomial_2_log_lpmf(m | eta, 1.5), tol, 18);
  near(binomial_logit_glm_lpmf(m | 4, X, 0.2, beta_1), binomial_logit_lpmf(m | 4, eta), tol, 19);
  near(ordered_logistic_glm_lpmf({1, 2, 3} | X, beta_1, [-1, 0.5]'),
       ordered_logistic_lpmf({1, 2, 3} | X * beta_1, [-1, 0.5]'), tol, 20);
  {
    matrix[2, 2] B = [[0.1, 0.2], [0.3, -0.4]];
    vector[2] a = [0.5, -0.5]';
    real total = 0;
    for (n in 1:3) {
      total += categorical_logit_lpmf(k[n] + 1 | a + (X[n] * B)');
    }
    near(categorical_logit_glm_lpmf({2, 1, 2} | X, a, B), total, tol, 21);
  }
  {
    // A hidden Markov chain of three steps, summed over its eight paths.
    matrix[2, 3] log_omega = [[-1, -2, -0.5], [-0.3, -1.5, -2.5]];
    matrix[2, 2] Gamma = [[0.7, 0.3], [0.2, 0.8]];
    vector[2] rho = [0.4, 0.6]';
    real total = 0;
    for (i in 1:2) for (j in 1:2) for (l in 1:2) {
      total += rho[i] * Gamma[i, j] * Gamma[j, l]
               * exp(log_omega[i, 1] + log_omega[j, 2] + log_omega[l, 3]);
    }
    near(hmm_marginal(log_omega, Gamma, rho), log(total), tol, 22);
    near(sum(hmm_hidden_state_prob(log_omega, Gamma, rho)), 3, tol, 23);
  }
}
