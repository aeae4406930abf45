// expect: syntax at 6:23
parameters {
  real x;
}
model {
  x ~ normal(0, (1 + 2;
}
