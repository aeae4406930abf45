// expect: not-assignable at 4:7
transformed data {
  int a;
  (a, a) = (1, 2);
}
