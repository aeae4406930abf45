// expect: not-allowed-here at 9:12
functions {
  real f_lp(real x) {
    target += x;
    return x;
  }
}
generated quantities {
  real x = f_lp(1);
}
