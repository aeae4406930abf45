// expect: not-allowed-here at 3:12
transformed data {
  real x = target();
}
