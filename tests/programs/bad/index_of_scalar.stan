// expect: index-type at 6:15
parameters {
  real x;
}
model {
  target += x[1];
}
