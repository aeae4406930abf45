// expect: type-mismatch at 4:14
parameters {
  vector[2] a;
  real<lower=a> x;
}
