// expect: not-assignable at 6:3
parameters {
  real x;
}
model {
  x = 1;
}
