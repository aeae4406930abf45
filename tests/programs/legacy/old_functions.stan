// warn: deprecated-syntax at 12, 12, 14, 14
data {
  int<lower=1> N;
  array[N] real x;
  vector[N] y;
}
parameters {
  real<lower=0> a;
  real<lower=0> b;
}
model {
  matrix[N, N] K = cov_exp_quad(x, a, b) + diag_matrix(rep_vector(fabs(a) + 1e-3, N));
  y ~ multi_normal(rep_vector(0, N), K);
  target += -fabs(a - b) + multiply_log(2, a) - 4 * binomial_coefficient_log(b + 5, 2);
  a ~ gamma(2, 1);
  b ~ gamma(2, 1);
}
