// expect: redeclared at 3:22
functions {
  real f(real x, int x) {
    return x;
  }
}
