// Avoidance learning of dogs, without an intercept: the first trial always has even odds.
// Source: Gelman and Hill (2007), section 24.2; data of Solomon and Wynne (1953).
data {
  int<lower=0> n_trials;
  int<lower=0> n_dogs;
  array[n_dogs, n_trials] int<lower=0, upper=1> y;  // 1: shock
}
parameters {
  vector[2] beta;
}
transformed parameters {
  matrix[n_dogs, n_trials] n_avoid;
  matrix[n_dogs, n_trials] n_shock;
  matrix[n_dogs, n_trials] p;
  for (dog in 1:n_dogs) {
    n_avoid[dog, 1] = 0;
    n_shock[dog, 1] = 0;
    for (t in 2:n_trials) {
      int shocked = y[dog, t - 1];
      n_avoid[dog, t] = n_avoid[dog, t - 1] + (1 - shocked);
      n_shock[dog, t] = n_shock[dog, t - 1] + shocked;
    }
    for (t in 1:n_trials) {
      p[dog, t] = inv_logit(beta[1] * n_avoid[dog, t] + beta[2] * n_shock[dog, t]);
    }
  }
}
model {
  // The coefficients are unconstrained: outside these ranges the density is zero.
  beta[1] ~ uniform(-100, 0);
  beta[2] ~ uniform(0, 100);
  for (dog in 1:n_dogs) {
    for (t in 1:n_trials) {
      y[dog, t] ~ bernoulli(p[dog, t]);
    }
  }
}
