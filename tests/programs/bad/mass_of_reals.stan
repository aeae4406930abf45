// expect: argument-type at 3:17
functions {
  real foo_lpmf(real x) {
    return x;
  }
}
