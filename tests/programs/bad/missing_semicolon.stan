// expect: syntax at 3:9
parameters {
  real x
}
model {
  x ~ normal(0, 1);
}
