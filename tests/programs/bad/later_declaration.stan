// expect: unknown-identifier at 3:10
parameters {
  vector[N] x;
}
generated quantities {
  int N = 3;
}
