// expect: type-mismatch at 3:15
transformed data {
  for (i in 1:2.5) print(i);
}
