// Mixture of K normals, the labels written out; scales uniform on (0, 10).
// Source: mixture chapter of the Stan User's Guide.
data {
  int<lower=1> K;
  int<lower=1> N;
  array[N] real y;
}
parameters {
  simplex[K] theta;
  array[K] real mu;
  array[K] real<lower=0, upper=10> sigma;
  array[N] int<lower=1, upper=K> z;
}
model {
  mu ~ normal(0, 10);
  z ~ categorical(theta);
  y ~ normal(mu[z], sigma[z]);
}
