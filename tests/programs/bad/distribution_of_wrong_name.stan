// expect: unknown-function at 6:7
parameters {
  real x;
}
model {
  x ~ normal_rng(0, 1);
}
