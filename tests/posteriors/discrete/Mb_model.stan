// Closed population size by data augmentation; being caught changes the probability of the next
// capture. Whether an animal exists is written out. Uniform priors.
// Source: Kery and Schaub, "Bayesian Population Analysis using WinBUGS" (2012), ch. 6.
data {
  int<lower=0> M;
  int<lower=0> T;
  array[M, T] int<lower=0, upper=1> y;
}
parameters {
  real<lower=0, upper=1> omega;
  real<lower=0, upper=1> p;  // capture, not caught on the occasion before
  real<lower=0, upper=1> c;  // capture, caught on the occasion before
  array[M] int<lower=0, upper=1> exists;
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
    exists[i] ~ bernoulli(omega);
    y[i] ~ bernoulli(exists[i] * p_eff[i]);
  }
}
