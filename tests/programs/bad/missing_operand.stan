// expect: syntax at 6:17
parameters {
  real x;
}
model {
  target += x * ;
}
