// Log radon of houses with partially pooled county intercepts, non-centred.
// Source: Gelman and Hill (2007), ch. 12.
data {
  int<lower=0> N;
  int<lower=0> J;
  array[N] int<lower=1, upper=J> county_idx;
  vector[N] log_radon;
}
parameters {
  vector[J] alpha_raw;
  real mu_alpha;
  real<lower=0> sigma_alpha;
  real<lower=0> sigma_y;
}
transformed parameters {
  vector[J] alpha = mu_alpha + sigma_alpha * alpha_raw;
}
model {
  mu_alpha ~ normal(0, 10);
  sigma_alpha ~ normal(0, 1);
  sigma_y ~ normal(0, 1);
  alpha_raw ~ normal(0, 1);
  for (n in 1:N) {
    log_radon[n] ~ normal(alpha[county_idx[n]], sigma_y);
  }
}
