// Effects of coaching in eight schools: normal hierarchy, centred (a funnel).
// Source: Rubin (1981); Gelman et al., "Bayesian Data Analysis", section 5.5.
data {
  int<lower=0> J;
  array[J] real y;
  array[J] real<lower=0> sigma;
}
parameters {
  array[J] real theta;
  real mu;
  real<lower=0> tau;
}
model {
  mu ~ normal(0, 5);
  tau ~ cauchy(0, 5);
  theta ~ normal(mu, tau);
  y ~ normal(theta, sigma);
}
