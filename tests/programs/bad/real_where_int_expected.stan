// expect: argument-type at 6:3
parameters {
  real x;
}
model {
  x ~ poisson(1);
}
