// Logistic regression, the target on which lectures compare score-function and pathwise gradients.
data {
  int<lower=0> N;
  int<lower=1> K;
  matrix[N, K] X;
  array[N] int<lower=0, upper=1> y;
}
parameters {
  vector[K] beta;
}
model {
  beta ~ normal(0, 2);
  y ~ bernoulli_logit(X * beta);
}
