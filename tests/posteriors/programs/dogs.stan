// Avoidance learning of dogs: logistic regression on the numbers of earlier avoidances and shocks.
// Source: Gelman and Hill (2007), section 24.2; data of Solomon and Wynne (1953).
data {
  int<lower=0> n_dogs;
  int<lower=0> n_trials;
  array[n_dogs, n_trials] int<lower=0, upper=1> y;  // 1: shock
}
parameters {
  vector[3] beta;
}
transformed parameters {
  matrix[n_dogs, n_trials] n_avoid;
  matrix[n_dogs, n_trials] n_shock;
  matrix[n_dogs, n_trials] p;  // on the logit scale
  for (dog in 1:n_dogs) {
    n_avoid[dog, 1] = 0;
    n_shock[dog, 1] = 0;
    for (t in 2:n_trials) {
      int shocked = y[dog, t - 1];
      n_avoid[dog, t] = n_avoid[dog, t - 1] + (1 - shocked);
      n_shock[dog, t] = n_shock[dog, t - 1] + shocked;
    }
    p[dog] = beta[1] + beta[2] * n_avoid[dog] + beta[3] * n_shock[dog];
  }
}
model {
  beta ~ normal(0, 100);
  for (dog in 1:n_dogs) {
    y[dog] ~ bernoulli_logit(p[dog]);
  }
}
