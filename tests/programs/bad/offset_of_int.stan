// expect: type-mismatch at 3:3
data {
  int<offset=1> n;
}
