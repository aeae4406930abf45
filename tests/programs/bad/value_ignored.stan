// expect: type-mismatch at 3:3
transformed data {
  exp(1);
}
