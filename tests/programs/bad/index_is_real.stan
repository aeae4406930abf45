// expect: index-type at 6:15
parameters {
  vector[2] x;
}
model {
  target += x[1.0];
}
