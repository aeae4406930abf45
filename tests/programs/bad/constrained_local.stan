// expect: not-allowed-here at 3:7
model {
  real<lower=0> x = 1;
  target += x;
}
