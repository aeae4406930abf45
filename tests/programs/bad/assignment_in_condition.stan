// expect: syntax at 4:9
transformed data {
  int a = 1;
  if (a = 1) print(a);
}
