// expect: syntax at 6:18
parameters {
  real x;
}
model {
  x ~ normal(0, 1;
}
