// expect: type-mismatch at 3:3
parameters {
  complex<lower=0> z;
}
