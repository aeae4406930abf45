// Test scores of 434 children, by the mother's IQ and whether she finished high school.
// A linear regression with an interaction; the IQ is centred at 100 so that the intercept means
// something. The posterior is close to normal: every method should agree here, and quickly.
// Data: National Longitudinal Survey of Youth; Gelman and Hill (2007), ch. 3.
// The generated quantities predict the score of a child whose mother has IQ 110 and finished.
data {
  int<lower=0> N;
  vector[N] kid_score;
  vector<lower=0, upper=1>[N] mom_hs;
  vector[N] mom_iq;
}
transformed data {
  vector[N] iq = mom_iq - 100;
  matrix[N, 3] x = append_col(append_col(mom_hs, iq), mom_hs .* iq);
}
parameters {
  real alpha;
  vector[3] beta;
  real<lower=0> sigma;
}
model {
  alpha ~ normal(80, 20);
  beta ~ normal(0, 10);
  sigma ~ cauchy(0, 10);
  kid_score ~ normal_id_glm(x, alpha, beta, sigma);
}
generated quantities {
  real predicted = normal_rng(alpha + [1, 10, 10] * beta, sigma);
  array[N] real y_rep = normal_rng(alpha + x * beta, sigma);
}
