// expect: syntax at 3:18
parameters {
  real<offset=1, lower=0> x;
}
