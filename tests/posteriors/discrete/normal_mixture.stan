// Mixture of two normals of unit scale, the labels written out.
// Source: mixture chapter of the Stan User's Guide.
data {
  int<lower=0> N;
  array[N] real y;
}
parameters {
  real<lower=0, upper=1> theta;
  array[2] real mu;
  array[N] int<lower=0, upper=1> second;
}
model {
  theta ~ uniform(0, 1);
  mu ~ normal(0, 10);
  second ~ bernoulli(1 - theta);
  for (n in 1:N) {
    y[n] ~ normal(mu[1 + second[n]], 1);
  }
}
