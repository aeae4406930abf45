// expect: type-mismatch at 3:29
transformed data {
  matrix[2, 2] A = [[1, 2], 3];
}
