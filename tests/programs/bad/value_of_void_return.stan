// expect: type-mismatch at 4:12
functions {
  void f(real x) {
    return x;
  }
}
