// warn: deprecated-syntax at 12, 13, 14
data {
  real y;
}
parameters {
  real mu;
  real<lower=0> sigma;
}
model {
  mu ~ normal(0, 1);
  sigma ~ exponential(1);
  target += normal_cdf_log(y, mu, sigma);
  target += normal_ccdf_log(y, mu, sigma);
  target += log(normal_cdf(y, mu, sigma));
}
