// expect: index-type at 6:18
parameters {
  vector[2] x;
}
model {
  target += x[1, 2];
}
