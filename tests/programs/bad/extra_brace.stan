// expect: syntax at 8:1
parameters {
  real x;
}
model {
  x ~ normal(0, 1);
}
}
