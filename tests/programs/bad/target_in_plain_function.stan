// expect: not-allowed-here at 4:5
functions {
  void f(real x) {
    target += x;
  }
}
