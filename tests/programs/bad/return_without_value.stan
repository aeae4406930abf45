// expect: type-mismatch at 4:5
functions {
  real f(real x) {
    return;
  }
}
