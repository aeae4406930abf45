// Test score of children on the mother's employment (four levels, level 1 the base), flat priors.
// Source: Gelman and Hill (2007), ch. 4.
data {
  int<lower=0> N;
  vector[N] kid_score;
  array[N] int mom_work;
}
transformed data {
  matrix[N, 3] level;
  for (n in 1:N) {
    for (k in 1:3) {
      level[n, k] = mom_work[n] == k + 1;
    }
  }
}
parameters {
  vector[4] beta;
  real<lower=0> sigma;
}
model {
  kid_score ~ normal(beta[1] + level * beta[2:4], sigma);
}
