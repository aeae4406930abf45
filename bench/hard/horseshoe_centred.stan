// Sparse linear regression with the horseshoe prior, centred: a funnel for every coefficient.
data {
  int<lower=1> N;
  int<lower=1> D;
  matrix[N, D] X;
  vector[N] y;
}
parameters {
  vector[D] beta;
  vector<lower=0>[D] lambda;
  real<lower=0> tau;
}
model {
  beta ~ normal(0, tau * lambda);
  lambda ~ cauchy(0, 1);
  tau ~ cauchy(0, 0.2);
  y ~ normal(X * beta, 1);
}
