// expect: type-mismatch at 3:10
data {
  vector[2.5] x;
}
