// Closed population size by data augmentation; being caught changes the probability of the next
// capture. Uniform priors.
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
  real<lower=0, upper=1> p;  // capture, not caught on the occasion before
  real<lower=0, upper=1> c;  // capture, caught on the occasion before
}
transformed parameters {
  array[M] vector<lower=0, upper=1>[T] p_eff;
  for (i in 1:M) {
    p_eff[i, 1] = p;
    for (t in 2:T) {
      p_eff[i, t] = y[i, t - 1] == 1 ? c : p;
    }
  }
}
model {
  for (i in 1:M) {
    real if_exists = bernoulli_lpmf(1 | omega) + bernoulli_lpmf(y[i] | p_eff[i]);
    if (times_seen[i] > 0) {
      target += if_exists;
    } else {
      target += log_sum_exp(if_exists, bernoulli_lpmf(0 | omega));
    }
  }
}
generated quantities {
  real omega_nd = omega * (1 - p) ^ T / (omega * (1 - p) ^ T + (1 - omega));
  int<lower=num_seen, upper=M> N = num_seen + binomial_rng(M - num_seen, omega_nd);
  real trap_response = c - p;
}
