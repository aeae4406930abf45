// A normal bent along a parabola.
parameters {
  real x;
  real y;
}
model {
  x ~ normal(0, 2);
  y ~ normal(0.25 * square(x), 1);
}
