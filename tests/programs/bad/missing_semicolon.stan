// expect: syntax at 3:8
parameters {
  real x
}
model {
  x ~ normal(0, 1);
}
