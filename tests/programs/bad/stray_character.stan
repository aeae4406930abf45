// expect: character at 6:20
parameters {
  real x;
}
model {
  x ~ normal(0, 1) $ 2;
}
