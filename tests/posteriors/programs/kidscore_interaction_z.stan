// Test score of children on predictors scaled by two standard deviations and their product, flat
// priors.
// Source: Gelman and Hill (2007), ch. 4.
functions {
  vector standardize(vector x) {
    return (x - mean(x)) / (2 * sd(x));
  }
}
data {
  int<lower=0> N;
  vector[N] kid_score;
  vector[N] mom_hs;
  vector[N] mom_iq;
}
transformed data {
  vector[N] hs = standardize(mom_hs);
  vector[N] iq = standardize(mom_iq);
  vector[N] hs_iq = hs .* iq;
}
parameters {
  vector[4] beta;
  real<lower=0> sigma;
}
model {
  kid_score ~ normal(beta[1] + beta[2] * hs + beta[3] * iq + beta[4] * hs_iq, sigma);
}
