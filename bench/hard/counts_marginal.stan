// counts_by_group with the groups integrated out by Gauss-Hermite quadrature: its reference.
data {
  int<lower=1> N;
  int<lower=1> G;
  array[N] int<lower=1, upper=G> group;
  vector[N] x;
  array[N] int<lower=0> y;
  int<lower=1> K;
  vector[K] node;         // of a standard normal
  vector[K] log_weight;
}
parameters {
  real alpha;
  real beta;
  real<lower=0> sigma;
}
model {
  array[G] vector[K] density = rep_array(log_weight, G);
  alpha ~ normal(0, 2);
  beta ~ normal(0, 1);
  sigma ~ normal(0, 1);
  for (n in 1 : N) {
    for (k in 1 : K) {
      density[group[n], k] += poisson_log_lpmf(y[n] | alpha + sigma * node[k] + beta * x[n]);
    }
  }
  for (g in 1 : G) {
    target += log_sum_exp(density[g]);
  }
}
