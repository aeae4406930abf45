// A hidden Markov model as one writes it down: each state depends on the one before it, each
// observation on its state.
// vinci sums over all 3^200 paths by the forward recursion and draws paths by backward sampling.
// Data: simulated.
data {
  int<lower=1> K;
  int<lower=1> T;
  vector[T] y;
}
parameters {
  array[K] simplex[K] transition;
  ordered[K] mu;
  real<lower=0> sigma;
  array[T] int<lower=1, upper=K> state;
}
model {
  for (k in 1:K) {
    transition[k] ~ dirichlet(rep_vector(1, K));
  }
  mu ~ normal(0, 3);
  sigma ~ normal(0, 1);
  for (t in 2:T) {
    state[t] ~ categorical(transition[state[t - 1]]);
  }
  y ~ normal(mu[state], sigma);
}
generated quantities {
  int<lower=0> moves = 0;
  for (t in 2:T) {
    moves += state[t] != state[t - 1];
  }
}
