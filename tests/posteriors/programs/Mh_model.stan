// Closed population size by data augmentation; detection varies between animals, normal on the
// logit scale.
// Source: Kery and Schaub, "Bayesian Population Analysis using WinBUGS" (2012), ch. 6.
data {
  int<lower=0> M;
  int<lower=0> T;
  array[M] int<lower=0, upper=T> y;  // times each animal was seen
}
transformed data {
  int<lower=0> num_seen = 0;
  for (i in 1:M) {
    num_seen += y[i] > 0;
  }
}
parameters {
  real<lower=0, upper=1> omega;
  real<lower=0, upper=1> mean_p;
  real<lower=0, upper=5> sigma;
  vector[M] eps_raw;
}
transformed parameters {
  vector[M] eps = logit(mean_p) + sigma * eps_raw;
}
model {
  eps_raw ~ normal(0, 1);
  for (i in 1:M) {
    real if_exists = bernoulli_lpmf(1 | omega) + binomial_logit_lpmf(y[i] | T, eps[i]);
    if (y[i] > 0) {
      target += if_exists;
    } else {
      target += log_sum_exp(if_exists, bernoulli_lpmf(0 | omega));
    }
  }
}
generated quantities {
  array[M] int<lower=0, upper=1> z = rep_array(1, M);
  for (i in 1:M) {
    if (y[i] == 0) {
      real unseen = omega * inv_logit(-eps[i]) ^ T;  // exists and was never seen
      z[i] = bernoulli_rng(unseen / (unseen + (1 - omega)));
    }
  }
  int<lower=num_seen> N = sum(z);
}
