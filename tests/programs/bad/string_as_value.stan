// expect: syntax at 3:12
transformed data {
  real x = "three";
}
