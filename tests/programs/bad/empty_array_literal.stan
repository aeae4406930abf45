// expect: syntax at 3:20
transformed data {
  array[0] int x = {};
}
