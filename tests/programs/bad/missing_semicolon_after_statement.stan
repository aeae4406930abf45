// expect: syntax at 6:19
parameters {
  real x;
}
model {
  x ~ normal(0, 1)
  target += -x;
}
