// warn: nothing
// A program may define functions by the names that the language no longer has.
functions {
  real fabs(real x) {
    return x < 0 ? -x : x;
  }
  real if_else(real a, real b, real c) {
    return a + b + c;
  }
  real multiply_log(real a, real b) {
    return a * b;
  }
}
parameters {
  real x;
}
model {
  x ~ normal(fabs(-1.0), if_else(1, 2, 3));
  target += -multiply_log(x, x);
}
