// Log radon of houses on the floor, common intercept, slope for each county (non-centred).
// Source: Gelman and Hill (2007), ch. 12.
data {
  int<lower=0> J;
  int<lower=0> N;
  array[N] int<lower=1, upper=J> county_idx;
  vector[N] floor_measure;
  vector[N] log_radon;
}
parameters {
  real alpha;
  vector[J] beta_raw;
  real mu_beta;
  real<lower=0> sigma_beta;
  real<lower=0> sigma_y;
}
transformed parameters {
  vector[J] beta = mu_beta + sigma_beta * beta_raw;
}
model {
  alpha ~ normal(0, 10);
  mu_beta ~ normal(0, 10);
  sigma_beta ~ normal(0, 1);
  sigma_y ~ normal(0, 1);
  beta_raw ~ normal(0, 1);
  vector[N] expected;
  for (n in 1:N) {
    expected[n] = alpha + beta[county_idx[n]] * floor_measure[n];
  }
  log_radon ~ normal(expected, sigma_y);
}
