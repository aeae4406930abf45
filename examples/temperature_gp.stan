// Summer temperature at Kilpisjarvi, Finland, 1952 to 2013: is there a trend?
// A Gaussian process over the years, whose length scale and amplitude are learnt. Values of the
// process are integrated out, so only three parameters and the mean remain; they are drawn again
// in the generated quantities. A covariance matrix per density evaluation makes this O(N^3).
// Data: Finnish Meteorological Institute.
data {
  int<lower=1> N;
  array[N] real year;
  vector[N] temperature;
}
transformed data {
  array[N] real decade;
  for (n in 1:N) {
    decade[n] = (year[n] - year[1]) / 10;
  }
}
parameters {
  real mean_temperature;
  real<lower=0> length_scale;  // decades
  real<lower=0> amplitude;
  real<lower=0> noise;
}
model {
  mean_temperature ~ normal(9, 2);
  length_scale ~ inv_gamma(5, 5);
  amplitude ~ normal(0, 1);
  noise ~ normal(0, 2);
  matrix[N, N] K = add_diag(gp_exp_quad_cov(decade, amplitude, length_scale), square(noise));
  temperature ~ multi_normal_cholesky(rep_vector(mean_temperature, N), cholesky_decompose(K));
}
generated quantities {
  // A draw of the smooth temperature given the observations.
  vector[N] smooth;
  {
    matrix[N, N] C = gp_exp_quad_cov(decade, amplitude, length_scale);
    matrix[N, N] L = cholesky_decompose(add_diag(C, square(noise)));
    matrix[N, N] half = mdivide_left_tri_low(L, C);
    vector[N] mean_smooth = mean_temperature
                            + half' * mdivide_left_tri_low(L, temperature - mean_temperature);
    smooth = multi_normal_rng(mean_smooth, add_diag(C - half' * half, 1e-8));
  }
}
