// expect: type-mismatch at 3:25
transformed data {
  array[2] real x = {1, [2]};
}
