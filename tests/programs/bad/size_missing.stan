// expect: syntax at 3:10
parameters {
  vector x;
}
