// Mixture of two normals with ordered means, the labels written out.
// Source: Betancourt, "Identifying Bayesian Mixture Models" (Stan case study, 2017).
data {
  int<lower=0> N;
  vector[N] y;
}
parameters {
  ordered[2] mu;
  array[2] real<lower=0> sigma;
  real<lower=0, upper=1> theta;
  array[N] int<lower=1, upper=2> z;
}
model {
  mu ~ normal(0, 2);
  sigma ~ normal(0, 2);
  theta ~ beta(5, 5);
  for (n in 1:N) {
    z[n] ~ categorical([theta, 1 - theta]');
    if (z[n] == 1) {
      y[n] ~ normal(mu[1], sigma[1]);
    } else {
      y[n] ~ normal(mu[2], sigma[2]);
    }
  }
}
