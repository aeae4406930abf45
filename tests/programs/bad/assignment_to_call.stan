// expect: not-assignable at 3:3
transformed data {
  exp(1) = 2;
}
