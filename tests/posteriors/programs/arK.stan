// Autoregression of order K for a single time series; the first K values are conditioned on.
// Source: time-series chapter of the Stan User's Guide (higher-order autoregressive model).
data {
  int<lower=0> K;
  int<lower=0> T;
  array[T] real y;
}
parameters {
  real alpha;
  array[K] real beta;
  real<lower=0> sigma;
}
model {
  alpha ~ normal(0, 10);
  beta ~ normal(0, 10);
  sigma ~ cauchy(0, 2.5);
  for (t in K + 1:T) {
    real prediction = alpha;
    for (lag in 1:K) {
      prediction += beta[lag] * y[t - lag];
    }
    y[t] ~ normal(prediction, sigma);
  }
}
