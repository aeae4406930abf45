// warn: deprecated-syntax at 6, 6, 6
parameters {
  real mu;
}
model {
  lp__ <- lp__ + normal_log(mu, 0, 1);
  lp__ <- lp__ + 2 * -mu;
}
