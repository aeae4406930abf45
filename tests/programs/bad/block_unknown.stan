// expect: syntax at 2:1
parameter {
  real x;
}
