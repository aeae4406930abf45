// Linear regression of log earnings on height and sex, flat priors.
// Source: Gelman and Hill (2007), ch. 4.
data {
  int<lower=0> N;
  vector[N] earn;
  vector[N] height;
  vector[N] male;
}
transformed data {
  vector[N] outcome = log(earn);
}
parameters {
  vector[3] beta;
  real<lower=0> sigma;
}
model {
  outcome ~ normal(beta[1] + beta[2] * height + beta[3] * male, sigma);
}
