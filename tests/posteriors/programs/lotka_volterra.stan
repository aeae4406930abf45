// Predator-prey dynamics of Canadian hare and lynx, lognormal measurement error.
// Source: Carpenter, "Predator-Prey Population Dynamics: the Lotka-Volterra model in Stan" (2018).
functions {
  // State: {prey, predator}; rates: {prey birth, predation, predator death, predator growth}.
  array[] real lotka_volterra(real time, array[] real state, array[] real rates,
                              array[] real no_reals, array[] int no_ints) {
    real prey = state[1];
    real predator = state[2];
    return {(rates[1] - rates[2] * predator) * prey,
            (-rates[3] + rates[4] * prey) * predator};
  }
}
data {
  int<lower=0> N;
  array[N] real ts;
  array[2] real y_init;
  array[N, 2] real<lower=0> y;
}
parameters {
  array[4] real<lower=0> theta;
  array[2] real<lower=0> z_init;
  array[2] real<lower=0> sigma;
}
transformed parameters {
  array[N, 2] real z = integrate_ode_rk45(lotka_volterra, z_init, 0, ts, theta, rep_array(0.0, 0),
                                          rep_array(0, 0), 1e-5, 1e-3, 5e2);
}
model {
  theta[{1, 3}] ~ normal(1, 0.5);
  theta[{2, 4}] ~ normal(0.05, 0.05);
  z_init ~ lognormal(log(10), 1);
  sigma ~ lognormal(-1, 1);
  for (species in 1:2) {
    y_init[species] ~ lognormal(log(z_init[species]), sigma[species]);
    y[, species] ~ lognormal(log(z[, species]), sigma[species]);
  }
}
generated quantities {
  array[2] real y_init_rep = lognormal_rng(log(z_init), sigma);
  array[N, 2] real y_rep;
  for (n in 1:N) {
    y_rep[n] = lognormal_rng(log(z[n]), sigma);
  }
}
