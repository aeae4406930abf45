// expect: not-allowed-here at 3:12
transformed data {
  real x = normal_lupdf(0 | 0, 1);
}
