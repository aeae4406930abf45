// Mixture of two normals with ordered means, component labels summed out.
// Source: Betancourt, "Identifying Bayesian Mixture Models" (Stan case study, 2017).
data {
  int<lower=0> N;
  vector[N] y;
}
parameters {
  ordered[2] mu;
  array[2] real<lower=0> sigma;
  real<lower=0, upper=1> theta;
}
model {
  mu ~ normal(0, 2);
  sigma ~ normal(0, 2);
  theta ~ beta(5, 5);
  for (n in 1:N) {
    real first = normal_lpdf(y[n] | mu[1], sigma[1]);
    real second = normal_lpdf(y[n] | mu[2], sigma[2]);
    target += log_mix(theta, first, second);
  }
}
