// expect: not-allowed-here at 4:12
functions {
  real f(real x) {
    return normal_rng(x, 1);
  }
}
