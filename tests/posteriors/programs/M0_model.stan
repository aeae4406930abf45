// Closed population size by data augmentation, constant detection probability.
// Whether an animal never seen exists is summed out. Uniform priors.
// Source: Kery and Schaub, "Bayesian Population Analysis using WinBUGS" (2012), ch. 6.
data {
  int<lower=0> M;  // animals seen, and possible others
  int<lower=0> T;  // occasions
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
  real<lower=0, upper=1> omega;  // an animal exists
  real<lower=0, upper=1> p;      // an existing animal is seen at one occasion
}
model {
  for (i in 1:M) {
    real if_exists = bernoulli_lpmf(1 | omega) + binomial_lpmf(times_seen[i] | T, p);
    if (times_seen[i] > 0) {
      target += if_exists;
    } else {
      target += log_sum_exp(if_exists, bernoulli_lpmf(0 | omega));
    }
  }
}
generated quantities {
  real omega_nd = omega * (1 - p) ^ T / (omega * (1 - p) ^ T + (1 - omega));  // exists, never seen
  int<lower=num_seen, upper=M> N = num_seen + binomial_rng(M - num_seen, omega_nd);
}
