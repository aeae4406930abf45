// expect: type-mismatch at 8:12
functions {
  real f(real x) {
    return x;
  }
}
transformed data {
  real y = f;
}
