// expect: not-defined at 3:8
functions {
  real f(real x);
}
model {
  target += f(1);
}
