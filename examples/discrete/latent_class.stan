// Latent class analysis: yes or no to J questions, independent given the class of who answers.
// Ordered log odds of the first question tell the classes apart.
// Data: simulated.
data {
  int<lower=1> K;
  int<lower=0> N;
  int<lower=2> J;
  array[N, J] int<lower=0, upper=1> y;
}
parameters {
  simplex[K] share;
  ordered[K] first;
  matrix<lower=0, upper=1>[K, J - 1] yes;
  array[N] int<lower=1, upper=K> group;
}
model {
  share ~ dirichlet(rep_vector(2, K));
  first ~ normal(0, 2);
  to_vector(yes) ~ beta(2, 2);
  group ~ categorical(share);
  for (n in 1:N) {
    y[n, 1] ~ bernoulli_logit(first[group[n]]);
    y[n, 2:] ~ bernoulli(yes[group[n]]);
  }
}
