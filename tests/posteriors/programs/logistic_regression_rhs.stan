// Logistic regression with the regularised horseshoe prior.
// Source: Piironen and Vehtari (2017), Electronic Journal of Statistics 11, appendix C.
data {
  int<lower=0> n;
  int<lower=0> d;
  array[n] int<lower=0, upper=1> y;
  matrix[n, d] x;
  real<lower=0> scale_icept;
  real<lower=0> scale_global;
  real<lower=1> nu_global;
  real<lower=1> nu_local;
  real<lower=0> slab_scale;
  real<lower=0> slab_df;
}
parameters {
  real beta0;
  vector[d] z;
  real<lower=0> tau;
  vector<lower=0>[d] lambda;
  real<lower=0> caux;
}
transformed parameters {
  vector[d] beta;
  {
    real slab_var = square(slab_scale * sqrt(caux));
    vector[d] lambda_sq = square(lambda);
    // The slab bounds the local scales of the largest coefficients.
    vector[d] bounded = sqrt(slab_var * lambda_sq ./ (slab_var + square(tau) * lambda_sq));
    beta = z .* bounded * tau;
  }
}
model {
  beta0 ~ normal(0, scale_icept);
  z ~ std_normal();
  tau ~ student_t(nu_global, 0, 2 * scale_global);
  lambda ~ student_t(nu_local, 0, 1);
  caux ~ inv_gamma(0.5 * slab_df, 0.5 * slab_df);
  y ~ bernoulli_logit_glm(x, beta0, beta);
}
generated quantities {
  vector[n] f = beta0 + x * beta;
  vector[n] log_lik;
  for (i in 1:n) {
    log_lik[i] = bernoulli_logit_lpmf(y[i] | f[i]);
  }
}
