// expect: syntax at 3:10
parameters {
  simplex<lower=0>[3] x;
}
