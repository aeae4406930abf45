// expect: missing-return at 3:8
functions {
  real f(real x) {
    if (x > 0) {
      return x;
    }
  }
}
