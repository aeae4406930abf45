// Log radon of houses on the floor of measurement, no county effects.
// Source: Gelman and Hill (2007), ch. 12.
data {
  int<lower=0> N;
  vector[N] floor_measure;
  vector[N] log_radon;
}
parameters {
  real alpha;
  real beta;
  real<lower=0> sigma_y;
}
model {
  alpha ~ normal(0, 10);
  beta ~ normal(0, 10);
  sigma_y ~ normal(0, 1);
  for (n in 1:N) {
    log_radon[n] ~ normal(alpha + beta * floor_measure[n], sigma_y);
  }
}
