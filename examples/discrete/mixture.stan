// A mixture of K normal distributions whose labels are parameters.
// vinci sums the labels out of the density (150 times 3 states, in one plate) and gives the
// probability of each; ordered means tell the components apart.
// Data: simulated.
data {
  int<lower=1> K;
  int<lower=0> N;
  vector[N] y;
}
parameters {
  simplex[K] weight;
  ordered[K] mu;
  vector<lower=0>[K] sigma;
  array[N] int<lower=1, upper=K> z;
}
model {
  weight ~ dirichlet(rep_vector(2, K));
  mu ~ normal(0, 5);
  sigma ~ normal(0, 2);
  z ~ categorical(weight);
  y ~ normal(mu[z], sigma[z]);
}
