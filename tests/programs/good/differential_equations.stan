// Solvers of ordinary differential equations, with and without controls.
functions {
  vector decay(real t, vector y, real rate, vector source, data array[] int which) {
    vector[rows(y)] dy = -rate * y;
    dy[which] += source[which];
    return dy;
  }
  vector oscillator(real t, vector y, real stiffness) {
    return [y[2], -stiffness * y[1]]';
  }
}
transformed data {
  array[3] real times = {0.5, 1, 2};
}
parameters {
  real<lower=0> rate;
  vector[2] source;
  real<lower=0> stiffness;
}
model {
  rate ~ lognormal(0, 0.5);
  source ~ std_normal();
  stiffness ~ lognormal(0, 0.5);
  array[3] vector[2] a = ode_rk45(decay, [1, 2]', 0, times, rate, source, {2});
  array[3] vector[2] b = ode_rk45_tol(decay, [1, 2]', 0, times, 1e-8, 1e-8, 10000, rate, source,
                                      {1, 2});
  array[3] vector[2] c = ode_bdf(oscillator, [1, 0]', 0, times, stiffness);
  array[3] vector[2] d = ode_adams(oscillator, [1, 0]', 0, times, stiffness);
  array[3] vector[2] f = ode_ckrk(oscillator, source, 0, times, stiffness);
  target += -dot_self(a[3] - [1, 1]') - dot_self(b[2]) - dot_self(c[1] - d[1]);
  target += -0.1 * dot_self(f[3]);
}
