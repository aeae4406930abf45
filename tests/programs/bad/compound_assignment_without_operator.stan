// expect: operand-type at 4:3
transformed data {
  vector[2] v = [1, 2]';
  v *= v;
}
