// warn: deprecated-syntax at 11, 13
functions {
  real penalty(real x) {
    return -x ^ 2;
  }
}
parameters {
  real mu;
}
model {
  increment_log_prob(penalty(mu));
  increment_log_prob(-0.5 * mu);
  if (get_lp() > 1e10) reject("too high");
}
