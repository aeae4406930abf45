// Other functions that take functions: equations, integrals, sums over slices, maps.
functions {
  vector system(vector y, real a, vector b) {
    return [y[1] ^ 2 - a, y[2] - y[1] - b[1]]';
  }
  real bump(real x, real xc, array[] real theta, data array[] real x_r, data array[] int x_i) {
    return exp(-theta[1] * x ^ 2) * x_r[1];
  }
  real partial_sum(array[] int slice, int start, int end, vector eta) {
    return bernoulli_logit_lpmf(slice | eta[start:end]);
  }
  real partial_lpmf(array[] int slice, int start, int end, vector eta) {
    return bernoulli_logit_lupmf(slice | eta[start:end]);
  }
  vector shard(vector shared, vector own, data array[] real x_r, data array[] int x_i) {
    return [normal_lpdf(x_r | own[1], shared[1]) + x_i[1]]';
  }
}
transformed data {
  array[4] int y = {1, 0, 1, 1};
  array[2, 3] real xr = {{1, 2, 3}, {4, 5, 6}};
  array[2, 1] int xi = {{1}, {2}};
}
parameters {
  real<lower=0.1> a;
  vector[4] eta;
  vector<lower=0>[1] shared;
  array[2] vector[1] own;
}
model {
  a ~ gamma(3, 2);
  eta ~ std_normal();
  shared ~ lognormal(0, 1);
  for (i in 1:2) own[i] ~ normal(0, 5);
  vector[2] root = solve_newton(system, [1, 1]', a, eta);
  vector[2] root2 = solve_powell_tol(system, [1, 1]', 1e-10, 1e-6, 200, a, eta);
  target += -dot_self(root - root2) - 0.1 * root[2] ^ 2;
  target += integrate_1d(bump, negative_infinity(), positive_infinity(), {a}, {0.5},
                         rep_array(0, 0), 1e-8);
  target += reduce_sum(partial_sum, y, 1, eta);
  target += reduce_sum(partial_lupmf, y, 2, eta);
  target += sum(map_rect(shard, shared, own, xr, xi));
}
