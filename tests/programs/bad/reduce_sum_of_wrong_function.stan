// expect: argument-type at 14:24
functions {
  real part(array[] vector x, int start, int end) {
    return sum(x[1]);
  }
}
transformed data {
  array[2] int y = {1, 2};
}
parameters {
  real x;
}
model {
  target += reduce_sum(part, y, 1);
}
