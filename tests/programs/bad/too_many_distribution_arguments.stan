// expect: argument-count at 6:7
parameters {
  real x;
}
model {
  x ~ std_normal(0, 1, 2);
}
