// warn: deprecated-syntax at 3, 13; deprecated-function at 27
functions {
  real[] decay(real t, real[] y, real[] theta, real[] x_r, int[] x_i) {
    real dy[1];
    dy[1] = -theta[1] * y[1] + x_r[1] * x_i[1];
    return dy;
  }
}
transformed data {
  real x_r[1];
  int x_i[1];
  real ts[2];
  x_r[1] <- 0.5;
  x_i[1] <- 1;
  ts[1] <- 1;
  ts[2] <- 2;
}
parameters {
  real<lower=0> rate;
}
model {
  real y_hat[2, 1];
  real theta[1];
  real y0[1];
  theta[1] <- rate;
  y0[1] <- 1;
  y_hat <- integrate_ode(decay, y0, 0.0, ts, theta, x_r, x_i);
  rate ~ lognormal(0, 1);
  y_hat[2, 1] ~ normal(0.3, 0.1);
}
