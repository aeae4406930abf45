// Counts as negative binomial with both parameters unknown: p^x (1 - p)^r for x. r and p are
// strongly correlated in the posterior, which is what makes it a test of approximations.
data {
  int<lower=1> K;                 // counts 0, ..., K - 1
  array[K] int<lower=0> frequency;
}
parameters {
  real<lower=0> r;
  real<lower=0, upper=1> p;
}
model {
  r ~ gamma(0.01, 0.01);
  p ~ beta(0.01, 0.01);
  for (k in 1:K) {
    target += frequency[k] * neg_binomial_lpmf(k - 1 | r, (1 - p) / p);
  }
}
