// Item response with two parameters per item, log discrimination and difficulty, which have a
// common bivariate normal prior.
// Source: Furr, "Hierarchical two-parameter logistic item response model" (Stan case study, 2017).
data {
  int<lower=1> I;
  int<lower=1> J;
  int<lower=1> N;
  array[N] int<lower=1, upper=I> ii;
  array[N] int<lower=1, upper=J> jj;
  array[N] int<lower=0, upper=1> y;
}
parameters {
  vector[J] theta;
  vector[I] xi1;
  vector[I] xi2;
  vector[2] mu;
  vector<lower=0>[2] tau;
  cholesky_factor_corr[2] L_Omega;
}
transformed parameters {
  vector[I] alpha = exp(xi1);
  vector[I] beta = xi2;
  array[I] vector[2] xi;
  for (i in 1:I) {
    xi[i] = [xi1[i], xi2[i]]';
  }
}
model {
  matrix[2, 2] L_Sigma = diag_pre_multiply(tau, L_Omega);
  mu[1] ~ normal(0, 1);
  mu[2] ~ normal(0, 5);
  tau ~ exponential(0.1);
  L_Omega ~ lkj_corr_cholesky(4);
  theta ~ normal(0, 1);
  for (i in 1:I) {
    xi[i] ~ multi_normal_cholesky(mu, L_Sigma);
  }
  y ~ bernoulli_logit(alpha[ii] .* (theta[jj] - beta[ii]));
}
generated quantities {
  corr_matrix[2] Omega = multiply_lower_tri_self_transpose(L_Omega);
}
