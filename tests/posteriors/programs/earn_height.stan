// Linear regression of earnings on height, flat priors.
// Source: Gelman and Hill, "Data Analysis Using Regression and Multilevel/Hierarchical Models"
// (2007), ch. 4.
data {
  int<lower=0> N;
  vector[N] earn;
  vector[N] height;
}
parameters {
  vector[2] beta;
  real<lower=0> sigma;
}
model {
  vector[N] mean_earn = beta[1] + beta[2] * height;
  earn ~ normal(mean_earn, sigma);
}
