// expect: type-mismatch at 4:13
transformed data {
  int n = 3;
  for (i in n) print(i);
}
