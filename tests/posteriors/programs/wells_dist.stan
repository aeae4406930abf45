// Switching of unsafe wells in Bangladesh on the distance to a safe one (metres), flat priors.
// Source: Gelman and Hill (2007), section 5.4.
data {
  int<lower=0> N;
  array[N] int<lower=0, upper=1> switched;
  vector[N] dist;
}
parameters {
  vector[2] beta;
}
model {
  vector[N] eta = beta[1] + beta[2] * dist;
  switched ~ bernoulli_logit(eta);
}
