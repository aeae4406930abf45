// warn: deprecated-syntax at ?
parameters {
  real mu;
}
model {
  lp__ <- lp__ + normal_log(mu, 0, 1);
  lp__ <- lp__ - mu;
}
