// expect: redeclared at 8:10
parameters {
  real x;
}
model {
  real y = x;
  {
    real y = 2;
    target += y;
  }
}
