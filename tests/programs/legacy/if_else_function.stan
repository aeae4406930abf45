// warn: deprecated-syntax at 9
data {
  int k;
}
parameters {
  real mu;
}
model {
  mu ~ normal(if_else(k > 1, 2.0, 3.0), if_else(k == 0, if_else(k > 5, 1, 2), 4));
}
