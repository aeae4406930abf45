// warn: deprecated-syntax at 3, 4, 15, 25
data {
  int<lower=0> J;          # number of schools
  real y[J];               # estimated effects
  real<lower=0> sigma[J];  # their standard errors
}
parameters {
  real mu;
  real<lower=0> tau;
  real eta[J];
}
transformed parameters {
  real theta[J];
  for (j in 1:J)
    theta[j] <- mu + tau * eta[j];
}
model {
  eta ~ normal(0, 1);
  y ~ normal(theta, sigma);
}
generated quantities {
  vector[J] log_lik;
  real y_rep[J];
  for (j in 1:J) {
    log_lik[j] <- normal_log(y[j], theta[j], sigma[j]);
    y_rep[j] <- normal_rng(theta[j], sigma[j]);
  }
}
