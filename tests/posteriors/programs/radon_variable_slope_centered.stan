// Log radon of houses on the floor, common intercept, slope for each county (centred).
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
  vector[J] beta;
  real mu_beta;
  real<lower=0> sigma_beta;
  real<lower=0> sigma_y;
}
model {
  alpha ~ normal(0, 10);
  mu_beta ~ normal(0, 10);
  sigma_beta ~ normal(0, 1);
  sigma_y ~ normal(0, 1);
  beta ~ normal(mu_beta, sigma_beta);
  for (n in 1:N) {
    log_radon[n] ~ normal(alpha + beta[county_idx[n]] * floor_measure[n], sigma_y);
  }
}
