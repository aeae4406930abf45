// Tuples of constrained types as data, parameters and transformed parameters.
data {
  tuple(int<lower=0>, vector<lower=0>[2]) d;
  array[2] tuple(real, array[2] int) e_1;
}
parameters {
  tuple(real<lower=0>, simplex[3]) a;
  array[2] tuple(vector<offset=1, multiplier=2>[2], cholesky_factor_corr[2]) b;
  tuple(real, tuple(ordered[2], array[2] real<lower=0, upper=1>)) c;
}
transformed parameters {
  tuple(real<lower=0>, vector[3]) t = (a.1 + 1, log(a.2));
  tuple(vector[2], real) u;
  u.1 = b[1].1 + b[2].1;
  u.2 = c.1;
}
model {
  a.1 ~ gamma(2, 1 + d.1);
  a.2 ~ dirichlet([2, 3, 4]');
  for (i in 1:2) {
    b[i].1 ~ normal(1, 2);
    b[i].2 ~ lkj_corr_cholesky(2);
    c.2.2[i] ~ beta(1 + d.2[i], 2);
  }
  c.1 ~ normal(e_1[1].1, 1);
  c.2.1 ~ normal(0, e_1[2].2[1]);
}
generated quantities {
  tuple(int, real) g = (poisson_rng(a.1), normal_rng(c.1, 1));
}
