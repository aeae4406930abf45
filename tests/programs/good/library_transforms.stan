// Constraint transforms as functions: what one takes away the other gives back.
functions {
  void near(real x, real y, real tolerance, int which) {
    if (!(abs(x - y) <= tolerance * (1 + abs(y)))) {
      reject("check ", which, ": ", x, " is not ", y);
    }
  }
}
transformed data {
  real tol = 1e-12;
  vector[3] v = [0.2, 0.5, 0.3]';
  vector[3] o = [-1, 0.5, 2]';
  matrix[2, 2] S = [[2, 0.6], [0.6, 1]];
  matrix[3, 3] C = [[1, 0.2, 0.3], [0.2, 1, -0.1], [0.3, -0.1, 1]];
  near(lower_bound_constrain(lower_bound_unconstrain(2.5, 1), 1), 2.5, tol, 1);
  near(lower_bound_constrain(0, 1), 2, tol, 2);
  near(upper_bound_constrain(upper_bound_unconstrain(-2.5, 1), 1), -2.5, tol, 3);
  near(lower_upper_bound_constrain(lower_upper_bound_unconstrain(0.3, -1, 1), -1, 1), 0.3, tol, 4);
  near(lower_upper_bound_constrain(0, 1, 5), 3, tol, 5);
  near(offset_multiplier_constrain(offset_multiplier_unconstrain(0.3, 1, 2), 1, 2), 0.3, tol, 6);
  near(distance(simplex_constrain(simplex_unconstrain(v)), v), 0, tol, 7);
  near(sum(simplex_constrain([0.3, -1, 2]')), 1, tol, 8);
  near(distance(ordered_constrain(ordered_unconstrain(o)), o), 0, tol, 9);
  near(ordered_constrain([1, 0, 0]')[3], 3, tol, 10);
  near(distance(positive_ordered_constrain(positive_ordered_unconstrain(exp(o))), exp(o)),
       0, tol, 11);
  near(dot_self(unit_vector_constrain([3, 4, 12]')), 1, tol, 12);
  near(sum(sum_to_zero_constrain([0.3, -1, 2]')), 0, tol, 13);
  near(distance(sum_to_zero_unconstrain(sum_to_zero_constrain(v)), v), 0, tol, 14);
  near(max(abs(cov_matrix_constrain(cov_matrix_unconstrain(S), 2) - S)), 0, tol, 15);
  near(max(abs(corr_matrix_constrain(corr_matrix_unconstrain(C), 3) - C)), 0, tol, 16);
  {
    matrix[3, 3] L = cholesky_decompose(C);
    near(max(abs(cholesky_factor_corr_constrain(cholesky_factor_corr_unconstrain(L), 3) - L)),
         0, tol, 17);
    near(max(abs(cholesky_factor_cov_constrain(cholesky_factor_cov_unconstrain(L), 3, 3) - L)),
         0, tol, 18);
  }
  {
    matrix[2, 3] R = stochastic_row_constrain([[0.1, 2], [-1, 0.3]]);
    matrix[3, 2] K = stochastic_column_constrain([[0.1, 2], [-1, 0.3]]);
    near(sum(R[1]), 1, tol, 19);
    near(sum(K[, 2]), 1, tol, 20);
    near(max(abs(stochastic_row_unconstrain(R) - [[0.1, 2], [-1, 0.3]])), 0, tol, 21);
  }
}
parameters {
  real a;
  vector[2] b;
  vector[3] c;
}
transformed parameters {
  // By hand what a declaration would do, the log Jacobian included.
  real<lower=1> lower_a = lower_bound_jacobian(a, 1);
  simplex[3] p = simplex_jacobian(b);
  ordered[3] o2 = ordered_jacobian(c);
}
model {
  lower_a ~ gamma(3, 2);
  p ~ dirichlet([2, 3, 4]');
  o2 ~ normal(0, 2);
}
