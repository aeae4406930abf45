// expect: type-mismatch at 6:7
parameters {
  vector[2] x;
}
model {
  if (x) target += 1;
}
