// Log radon of houses with partially pooled county intercepts, centred.
// Source: Gelman and Hill (2007), ch. 12.
data {
  int<lower=0> N;
  int<lower=0> J;
  array[N] int<lower=1, upper=J> county_idx;
  vector[N] log_radon;
}
parameters {
  vector[J] alpha;
  real mu_alpha;
  real<lower=0> sigma_alpha;
  real<lower=0> sigma_y;
}
model {
  mu_alpha ~ normal(0, 10);
  sigma_alpha ~ normal(0, 1);
  sigma_y ~ normal(0, 1);
  alpha ~ normal(mu_alpha, sigma_alpha);
  for (n in 1:N) {
    log_radon[n] ~ normal(alpha[county_idx[n]], sigma_y);
  }
}
