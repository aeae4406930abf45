// expect: syntax at 4:15
transformed data {
  int a = 1;
  int b = a + * 2;
}
