// expect: syntax at 6:13
parameters {
  real x;
}
model {
  target += atan2(x | 1);
}
