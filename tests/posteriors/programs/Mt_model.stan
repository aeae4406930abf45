// Closed population size by data augmentation; detection probability varies between occasions.
// Source: Kery and Schaub, "Bayesian Population Analysis using WinBUGS" (2012), ch. 6.
data {
  int<lower=0> M;
  int<lower=0> T;
  array[M, T] int<lower=0, upper=1> y;
}
transformed data {
  array[M] int<lower=0> times_seen;
  int<lower=0> num_seen = 0;
  for (i in 1:M) {
    times_seen[i] = sum(y[i]);
    num_seen += times_seen[i] > 0;
  }
}
parameters {
  real<lower=0, upper=1> omega;
  vector<lower=0, upper=1>[T] p;
}
model {
  for (i in 1:M) {
    real if_exists = bernoulli_lpmf(1 | omega) + bernoulli_lpmf(y[i] | p);
    if (times_seen[i] > 0) {
      target += if_exists;
    } else {
      target += log_sum_exp(if_exists, bernoulli_lpmf(0 | omega));
    }
  }
}
generated quantities {
  real never_seen = prod(1 - p);
  real omega_nd = omega * never_seen / (omega * never_seen + (1 - omega));
  int<lower=num_seen> N = num_seen + binomial_rng(M - num_seen, omega_nd);
}
