// Test score of children on centred predictors and their product, flat priors.
// Source: Gelman and Hill (2007), ch. 4.
data {
  int<lower=0> N;
  vector[N] kid_score;
  vector[N] mom_hs;
  vector[N] mom_iq;
}
transformed data {
  vector[N] hs = mom_hs - mean(mom_hs);
  vector[N] iq = mom_iq - mean(mom_iq);
  vector[N] hs_iq = hs .* iq;
}
parameters {
  vector[4] beta;
  real<lower=0> sigma;
}
model {
  kid_score ~ normal(beta[1] + beta[2] * hs + beta[3] * iq + beta[4] * hs_iq, sigma);
}
