// Radon in 919 houses of 85 Minnesota counties: a multilevel regression.
// Houses measured on the first floor read lower than those measured in the basement; counties
// differ, partly because of the uranium in their soil. Counties with few houses borrow strength
// from the others. County effects are written as sigma_county * z (non-centred).
// Data: Price, Nero and Gelman (1996); Gelman and Hill (2007), ch. 12.
data {
  int<lower=0> N;
  int<lower=0> J;
  array[N] int<lower=1, upper=J> county;
  vector<lower=0, upper=1>[N] first_floor;
  vector[N] log_uranium;
  vector[N] log_radon;
}
parameters {
  real intercept;
  real on_first_floor;
  real per_uranium;
  real<lower=0> sigma_county;
  vector[J] z;
  real<lower=0> sigma;
}
transformed parameters {
  vector[J] county_effect = sigma_county * z;
}
model {
  intercept ~ normal(0, 5);
  on_first_floor ~ normal(0, 2);
  per_uranium ~ normal(0, 2);
  sigma_county ~ gamma(2, 4);  // away from zero: Chung et al. (2013)
  sigma ~ normal(0, 1);
  z ~ std_normal();
  log_radon ~ normal(intercept + on_first_floor * first_floor + per_uranium * log_uranium
                     + county_effect[county], sigma);
}
generated quantities {
  vector[N] log_lik;
  for (n in 1:N) {
    log_lik[n] = normal_lpdf(log_radon[n] | intercept + on_first_floor * first_floor[n]
                                            + per_uranium * log_uranium[n]
                                            + county_effect[county[n]], sigma);
  }
}
