// expect: syntax at 6:7
parameters {
  real x;
}
model {
  x ~ 0;
}
