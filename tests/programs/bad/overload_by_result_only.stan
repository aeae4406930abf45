// expect: redeclared at 6:7
functions {
  real f(int x) {
    return x;
  }
  int f(int y) {
    return y;
  }
}
