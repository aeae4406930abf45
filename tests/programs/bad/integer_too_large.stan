// expect: literal at 3:11
transformed data {
  int x = 2147483648;
}
