// expect: type-mismatch at 5:12
transformed data {
  int a;
  int b;
  (a, b) = (1, 2, 3);
}
