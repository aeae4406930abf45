// expect: argument-type at 8:35
functions {
  real f(real t, vector y) {
    return y[1];
  }
}
transformed data {
  array[1] vector[1] y = ode_rk45(f, [1]', 0, {1.0});
}
