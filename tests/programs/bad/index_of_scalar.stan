// expect: index-type at 6:13
parameters {
  real x;
}
model {
  target += x[1];
}
