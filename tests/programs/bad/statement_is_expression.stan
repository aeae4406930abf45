// expect: syntax at 4:3
transformed data {
  int a = 1;
  a + 1;
}
