// expect: unknown-identifier at 6:9
transformed data {
  {
    int a = 1;
  }
  print(a);
}
