// expect: syntax at 9:1
parameters {
  real x;
}
model {
  if (x > 0) {
    target += x;
  }
