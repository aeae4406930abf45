// warn: deprecated-syntax at 3, 4, 20
functions {
  real tent_log(real y, real width) {
    return -fabs(y) / width - log(2 * width);
  }
  real count_log(int n, real rate) {
    return n * log(rate) - rate - lgamma(n + 1);
  }
  real area_log(real x) {
    return 2 * log(x);
  }
}
parameters {
  real a;
  real<lower=0> b;
}
model {
  a ~ tent(b);
  3 ~ count(b);
  increment_log_prob(tent_log(2 * a, b));
  increment_log_prob(-area_log(b + 1));
}
