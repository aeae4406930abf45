// expect: operand-type at 4:7
transformed data {
  complex z = 1i;
  if (z < 2) print(z);
}
