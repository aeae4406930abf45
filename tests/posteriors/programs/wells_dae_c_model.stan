// Switching of unsafe wells on centred distance and arsenic, their product and education, flat
// priors.
// Source: Gelman and Hill (2007), section 5.4.
data {
  int<lower=0> N;
  array[N] int<lower=0, upper=1> switched;
  vector[N] dist;
  vector[N] arsenic;
  vector[N] educ;
}
transformed data {
  vector[N] d = (dist - mean(dist)) / 100;
  vector[N] a = arsenic - mean(arsenic);
  matrix[N, 4] design = [d', a', (d .* a)', educ' / 4]';
}
parameters {
  real alpha;
  vector[4] beta;
}
model {
  switched ~ bernoulli_logit_glm(design, alpha, beta);
}
