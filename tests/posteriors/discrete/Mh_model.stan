// Closed population size by data augmentation; detection varies between animals, normal on the
// logit scale. Whether an animal exists is written out.
// Source: Kery and Schaub, "Bayesian Population Analysis using WinBUGS" (2012), ch. 6.
data {
  int<lower=0> M;
  int<lower=0> T;
  array[M] int<lower=0, upper=T> y;  // times each animal was seen
}
parameters {
  real<lower=0, upper=1> omega;
  real<lower=0, upper=1> mean_p;
  real<lower=0, upper=5> sigma;
  vector[M] eps_raw;
  array[M] int<lower=0, upper=1> exists;
}
transformed parameters {
  vector[M] eps = logit(mean_p) + sigma * eps_raw;
}
model {
  eps_raw ~ normal(0, 1);
  exists ~ bernoulli(omega);
  for (i in 1:M) {
    if (exists[i] == 1) {
      y[i] ~ binomial_logit(T, eps[i]);
    } else if (y[i] > 0) {
      target += negative_infinity();
    }
  }
}
