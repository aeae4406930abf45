// expect: type-mismatch at 3:11
transformed data {
  int n = 2.5;
}
