// expect: not-allowed-here at 3:10
parameters {
  real x = 2;
}
