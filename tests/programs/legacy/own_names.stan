// warn: none
// A program may define functions by the names that the language no longer has.
functions {
  real fabs(real x) {
    return x < 0 ? -x : x;
  }
  real if_else(real a, real b, real c) {
    return a + b + c;
  }
  void increment_log_prob(real x) {
    print(x);
  }
}
parameters {
  real x;
}
model {
  x ~ normal(fabs(-1.0), if_else(1, 2, 3));
  increment_log_prob(x);
}
