// expect: syntax at 3:9
data {
  matrix[3] x;
}
