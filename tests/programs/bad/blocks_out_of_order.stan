// expect: block-order at 4:1
model {
}
parameters {
  real x;
}
