// expect: type-mismatch at 3:13
data {
  int<lower=0.5> n;
}
