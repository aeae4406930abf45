// Log radon of houses on soil uranium and floor, county intercepts (non-centred).
// Source: Gelman and Hill (2007), ch. 12.
data {
  int<lower=0> J;
  int<lower=0> N;
  array[N] int<lower=1, upper=J> county_idx;
  vector[N] log_uppm;
  vector[N] floor_measure;
  vector[N] log_radon;
}
parameters {
  vector[J] alpha_raw;
  vector[2] beta;
  real mu_alpha;
  real<lower=0> sigma_alpha;
  real<lower=0> sigma_y;
}
transformed parameters {
  vector[J] alpha = mu_alpha + sigma_alpha * alpha_raw;
}
model {
  mu_alpha ~ normal(0, 10);
  beta ~ normal(0, 10);
  sigma_alpha ~ normal(0, 1);
  sigma_y ~ normal(0, 1);
  alpha_raw ~ normal(0, 1);
  vector[N] expected;
  for (n in 1:N) {
    expected[n] = alpha[county_idx[n]] + beta[1] * log_uppm[n] + beta[2] * floor_measure[n];
    target += normal_lpdf(log_radon[n] | expected[n], sigma_y);
  }
}
