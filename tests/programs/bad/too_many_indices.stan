// expect: index-type at 6:13
parameters {
  vector[2] x;
}
model {
  target += x[1, 2];
}
