// A posterior in one dimension that is not normal: for pictures of bounds and of the variance of
// gradients, such as `vinci estimators` draws.
data {
  real x;
  int<lower=0, upper=1> y;
}
parameters {
  real z;
}
model {
  z ~ normal(0, 1);
  y ~ bernoulli_logit(x * z);
}
