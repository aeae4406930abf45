// expect: unknown-function at 6:7
parameters {
  real x;
}
model {
  x ~ gaussian(0, 1);
}
