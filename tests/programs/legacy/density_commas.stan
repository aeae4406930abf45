// warn: deprecated-syntax at 6, 7
parameters {
  real x;
}
model {
  target += normal_lpdf(x, 0, 1);
  target += normal_lcdf(x, 0, 1);
}
