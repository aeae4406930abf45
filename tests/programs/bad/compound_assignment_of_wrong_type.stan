// expect: type-mismatch at 4:3
transformed data {
  int n = 1;
  n += 0.5;
}
