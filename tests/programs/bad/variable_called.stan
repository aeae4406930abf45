// expect: unknown-function at 4:12
transformed data {
  real x = 1;
  real y = x(2);
}
