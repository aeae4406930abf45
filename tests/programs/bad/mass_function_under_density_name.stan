// expect: unknown-function at 3:12
transformed data {
  real x = poisson_lpdf(2 | 1.5);
}
