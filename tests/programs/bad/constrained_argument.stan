// expect: syntax at 3:14
functions {
  real f(real<lower=0> x) {
    return x;
  }
}
