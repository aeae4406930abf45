// expect: type-mismatch at 4:7
transformed data {
  row_vector[2] r;
  r = rep_vector(0, 2);
}
