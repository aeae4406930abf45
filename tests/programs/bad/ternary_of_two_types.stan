// expect: type-mismatch at 3:12
transformed data {
  real x = 1 ? 2 : [3, 4];
}
