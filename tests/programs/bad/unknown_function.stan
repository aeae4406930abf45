// expect: unknown-function at 6:13
parameters {
  real x;
}
model {
  target += lgama(x);
}
