// expect: syntax at 8:1
parameters {
  real x;
}
model {
  if (x > 0) {
    target += x;

