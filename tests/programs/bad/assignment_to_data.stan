// expect: not-assignable at 6:3
data {
  real x;
}
transformed data {
  x = 1;
}
