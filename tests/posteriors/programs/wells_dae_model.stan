// Switching of unsafe wells on distance, arsenic and education, flat priors.
// Source: Gelman and Hill (2007), section 5.4.
data {
  int<lower=0> N;
  array[N] int<lower=0, upper=1> switched;
  vector[N] dist;
  vector[N] arsenic;
  vector[N] educ;
}
transformed data {
  matrix[N, 3] design = append_col(append_col(dist / 100, arsenic), educ / 4);
}
parameters {
  real alpha;
  vector[3] beta;
}
model {
  switched ~ bernoulli_logit_glm(design, alpha, beta);
}
