// Switching of unsafe wells on centred distance and arsenic and their product, flat priors.
// Source: Gelman and Hill (2007), section 5.4.
data {
  int<lower=0> N;
  array[N] int<lower=0, upper=1> switched;
  vector[N] dist;
  vector[N] arsenic;
}
transformed data {
  matrix[N, 3] design;
  design[, 1] = (dist - mean(dist)) / 100;
  design[, 2] = arsenic - mean(arsenic);
  design[, 3] = design[, 1] .* design[, 2];
}
parameters {
  real alpha;
  vector[3] beta;
}
model {
  switched ~ bernoulli_logit_glm(design, alpha, beta);
}
