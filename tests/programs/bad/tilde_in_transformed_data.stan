// expect: not-allowed-here at 4:3
transformed data {
  real x = 1;
  x ~ normal(0, 1);
}
