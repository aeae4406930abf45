// expect: data-only at 11:15
functions {
  real f(data real x) {
    return x;
  }
}
parameters {
  real x;
}
model {
  target += f(x);
}
