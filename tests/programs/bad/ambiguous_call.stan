// expect: ambiguous-call at 11:12
functions {
  real f(int x, real y) {
    return x;
  }
  real f(real x, int y) {
    return y;
  }
}
transformed data {
  real a = f(1, 2);
}
