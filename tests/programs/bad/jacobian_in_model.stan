// expect: not-allowed-here at 6:3
parameters {
  real x;
}
model {
  jacobian += x;
}
