// Closed population size by data augmentation; detection probability varies between occasions.
// Whether an animal exists is written out.
// Source: Kery and Schaub, "Bayesian Population Analysis using WinBUGS" (2012), ch. 6.
data {
  int<lower=0> M;
  int<lower=0> T;
  array[M, T] int<lower=0, upper=1> y;
}
parameters {
  real<lower=0, upper=1> omega;
  vector<lower=0, upper=1>[T] p;
  array[M] int<lower=0, upper=1> exists;
}
model {
  exists ~ bernoulli(omega);
  for (i in 1:M) {
    if (exists[i]) {
      y[i] ~ bernoulli(p);
    } else if (sum(y[i]) > 0) {
      target += negative_infinity();
    }
  }
}
