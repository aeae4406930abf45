// Switching of unsafe wells on the distance to a safe one (100 metres), flat priors.
// Source: Gelman and Hill (2007), section 5.4.
data {
  int<lower=0> N;
  array[N] int<lower=0, upper=1> switched;
  vector[N] dist;
}
transformed data {
  matrix[N, 1] design = to_matrix(dist / 100, N, 1);
}
parameters {
  real alpha;
  vector[1] beta;
}
model {
  switched ~ bernoulli_logit_glm(design, alpha, beta);
}
