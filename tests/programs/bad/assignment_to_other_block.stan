// expect: not-assignable at 9:3
parameters {
  real x;
}
transformed parameters {
  real y = x;
}
model {
  y = 2;
}
