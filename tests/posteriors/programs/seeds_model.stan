// Germination of seeds: binomial counts, two factors and their product, random plate effects with a
// gamma prior on their precision.
// Source: BUGS Examples, volume 1, "Seeds"; Crowder (1978).
data {
  int<lower=0> I;
  array[I] int<lower=0> n;
  array[I] int<lower=0> N;
  vector[I] x1;
  vector[I] x2;
}
transformed data {
  vector[I] both = x1 .* x2;
}
parameters {
  real alpha0;
  real alpha1;
  real alpha12;
  real alpha2;
  real<lower=0> tau;
  vector[I] b;
}
transformed parameters {
  real<lower=0> sigma = 1 / sqrt(tau);
}
model {
  alpha0 ~ normal(0, 1e3);
  alpha1 ~ normal(0, 1e3);
  alpha2 ~ normal(0, 1e3);
  alpha12 ~ normal(0, 1e3);
  tau ~ gamma(1e-3, 1e-3);
  b ~ normal(0, sigma);
  n ~ binomial_logit(N, alpha0 + alpha1 * x1 + alpha2 * x2 + alpha12 * both + b);
}
