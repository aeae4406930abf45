// expect: operand-type at 4:9
transformed data {
  array[2] real x = {1, 2};
  print(x');
}
