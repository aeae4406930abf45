// expect: not-allowed-here at 3:10
parameters {
  complex<lower=0> z;
}
