// expect: literal at 3:12
transformed data {
  real x = 1e400;
}
