// expect: type-mismatch at 4:12
functions {
  int f(real x) {
    return x;
  }
}
