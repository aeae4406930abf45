// Hidden Markov model with normal emissions of unit scale and ordered positive means; uniform
// priors on the rows of the transition matrix. The hidden states are written out; the first has no
// distribution of its own.
// Source: hidden Markov section of the Stan User's Guide.
data {
  int<lower=0> N;
  int<lower=0> K;
  array[N] real y;
}
parameters {
  simplex[K] theta1;
  simplex[K] theta2;
  positive_ordered[K] mu;
  array[N] int<lower=1, upper=K> z;
}
transformed parameters {
  array[K] simplex[K] theta;
  theta[1] = theta1;
  theta[2] = theta2;
}
model {
  mu[1] ~ normal(3, 1);
  mu[2] ~ normal(10, 1);
  for (t in 2:N) {
    z[t] ~ categorical(theta[z[t - 1]]);
  }
  y ~ normal(mu[z], 1);
}
