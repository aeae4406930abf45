// expect: argument-type at 9:14
data {
  matrix[2, 2] A;
}
parameters {
  real x;
}
model {
  x ~ normal(A, 1);
}
