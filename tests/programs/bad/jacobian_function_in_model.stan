// expect: not-allowed-here at 12:13
functions {
  real f_jacobian(real x) {
    jacobian += x;
    return x;
  }
}
parameters {
  real x;
}
model {
  target += f_jacobian(x);
}
