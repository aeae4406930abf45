// Linear regression of log10 earnings on height, flat priors.
// Source: Gelman and Hill (2007), ch. 4.
data {
  int<lower=0> N;
  vector[N] earn;
  vector[N] height;
}
transformed data {
  vector[N] outcome = log10(earn);
}
parameters {
  vector[2] beta;
  real<lower=0> sigma;
}
model {
  outcome ~ normal(beta[1] + beta[2] * height, sigma);
}
