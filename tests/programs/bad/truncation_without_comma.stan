// expect: syntax at 6:23
parameters {
  real<lower=0> x;
}
model {
  x ~ normal(0, 1) T[0];
}
