// expect: unknown-function at 6:7
parameters {
  real x;
}
model {
  x ~ normal_lpdf(0, 1);
}
