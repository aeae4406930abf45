// expect: operand-type at 6:13
parameters {
  vector[2] a;
}
model {
  target += a * a;
}
