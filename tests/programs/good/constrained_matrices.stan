// Matrices that are constrained as a whole.
parameters {
  corr_matrix[3] a;
  cov_matrix[2] b;
  cholesky_factor_corr[3] c;
  cholesky_factor_cov[2] d;
  cholesky_factor_cov[3, 2] e_1;
  sum_to_zero_matrix[3, 2] f;
  column_stochastic_matrix[2, 3] g;
  row_stochastic_matrix[3, 2] h;
  array[2] cov_matrix[2] i;
  array[1, 2] cholesky_factor_corr[2] j;
  array[2] row_stochastic_matrix[2, 2] k;
}
transformed parameters {
  cov_matrix[2] b2 = crossprod(b);
  corr_matrix[3] c2 = multiply_lower_tri_self_transpose(c);
}
model {
  a ~ lkj_corr(2);
  b ~ wishart(4, identity_matrix(2));
  c ~ lkj_corr_cholesky(1.5);
  to_vector(d) ~ std_normal();
  to_vector(e_1) ~ std_normal();
  to_vector(f) ~ std_normal();
  for (m in 1:2) {
    i[m] ~ inv_wishart(4, identity_matrix(2));
    j[1, m] ~ lkj_corr_cholesky(1);
  }
}
