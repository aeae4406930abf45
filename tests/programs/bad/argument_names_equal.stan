// expect: redeclared at 3:18
functions {
  real f(real x, int x) {
    return x;
  }
}
