// expect: operand-type at 7:17
parameters {
  vector[2] a;
  row_vector[2] b;
}
model {
  target += sum(a + b);
}
