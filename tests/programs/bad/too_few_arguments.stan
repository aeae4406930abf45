// expect: argument-count at 6:13
parameters {
  real x;
}
model {
  target += atan2(x);
}
