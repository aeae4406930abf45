// expect: not-assignable at 4:5
functions {
  real f(real x) {
    x = 2;
    return x;
  }
}
