// Closed population size by data augmentation, constant detection probability. Whether an animal
// exists is written out: one that does not is never seen. Uniform priors.
// Source: Kery and Schaub, "Bayesian Population Analysis using WinBUGS" (2012), ch. 6.
data {
  int<lower=0> M;  // animals seen, and possible others
  int<lower=0> T;  // occasions
  array[M, T] int<lower=0, upper=1> y;
}
parameters {
  real<lower=0, upper=1> omega;  // an animal exists
  real<lower=0, upper=1> p;      // an existing animal is seen at one occasion
  array[M] int<lower=0, upper=1> exists;
}
model {
  exists ~ bernoulli(omega);
  for (i in 1:M) {
    sum(y[i]) ~ binomial(T, exists[i] * p);
  }
}
generated quantities {
  int<lower=0, upper=M> N = sum(exists);
}
