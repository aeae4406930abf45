// expect: type-mismatch at 3:7
functions {
  int foo_lpdf(real x) {
    return 1;
  }
}
