// Truncated densities: below, above, both, with bounds that depend on parameters.
data {
  real y;
  int<lower=1> n;
}
parameters {
  real mu;
  real<lower=0> sigma;
  real<lower=1> a;
  real<upper=-1> b;
  real<lower=-1, upper=1> c;
}
model {
  mu ~ normal(0, 1) T[, ];
  sigma ~ cauchy(0, 1) T[0, ];
  a ~ normal(mu, 2) T[1, ];
  b ~ student_t(4, 0, 1) T[, -1];
  c ~ normal(mu, sigma) T[-1, 1];
  y ~ normal(mu, sigma) T[y - sigma, y + sigma + 1];
  n ~ poisson(sigma) T[1, ];
  n ~ poisson(sigma) T[, 20];
  n ~ neg_binomial_2(sigma, 2) T[1, 30];
}
