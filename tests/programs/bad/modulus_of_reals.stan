// expect: operand-type at 3:12
transformed data {
  real x = 5.0 % 2;
}
