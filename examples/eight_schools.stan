// Eight schools: how much does coaching raise test scores?
// Each school's estimate y has a known standard error sigma; the true effects theta share a mean mu
// and a spread tau, which the data hardly determine. Effects are written as mu + tau * z, since
// the direct form has a funnel that no simple approximation follows.
// Data: Rubin (1981); Gelman et al., "Bayesian Data Analysis", section 5.5.
data {
  int<lower=0> J;
  vector[J] y;
  vector<lower=0>[J] sigma;
}
parameters {
  real mu;
  real<lower=0> tau;
  vector[J] z;
}
transformed parameters {
  vector[J] theta = mu + tau * z;
}
model {
  mu ~ normal(0, 5);
  tau ~ cauchy(0, 5);
  z ~ std_normal();
  y ~ normal(theta, sigma);
}
generated quantities {
  array[J] real y_rep = normal_rng(theta, sigma);
  vector[J] log_lik;
  for (j in 1:J) {
    log_lik[j] = normal_lpdf(y[j] | theta[j], sigma[j]);
  }
}
