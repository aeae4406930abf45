// warn: deprecated-syntax at 11, 11
data {
  int n;
  real y;
}
parameters {
  real mu;
  real<lower=0> sigma;
}
model {
  increment_log_prob(normal_log(y, mu, sigma));
  increment_log_prob(poisson_log(n, sigma));
  increment_log_prob(exponential_log(sigma, 1));
  target += bernoulli_logit_log(1, mu) + cauchy_log(mu, 0, 1);
}
