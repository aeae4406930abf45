// Counts in areas with an offset: Poisson regression with the BYM2 mixture of independent and
// spatial effects. The spatial part is an intrinsic autoregression over the edges, its sum softly
// held at zero.
// Source: Morris et al. (2019), Spatial and Spatio-temporal Epidemiology 31; Riebler et al. (2016).
data {
  int<lower=0> N;
  int<lower=0> N_edges;
  array[N_edges] int<lower=1, upper=N> node1;
  array[N_edges] int<lower=1, upper=N> node2;
  array[N] int<lower=0> y;
  vector<lower=0>[N] E;          // exposure
  real<lower=0> scaling_factor;  // makes the spatial effects' variance about one
}
transformed data {
  vector[N] offsets = log(E);
}
parameters {
  real beta0;
  real<lower=0> sigma;
  real<lower=0, upper=1> rho;
  vector[N] theta;
  vector[N] phi;
}
transformed parameters {
  vector[N] convolved_re = sqrt(1 - rho) * theta + sqrt(rho / scaling_factor) * phi;
}
model {
  beta0 ~ normal(0, 1);
  sigma ~ normal(0, 1);
  rho ~ beta(0.5, 0.5);
  theta ~ normal(0, 1);
  target += -0.5 * dot_self(phi[node1] - phi[node2]);
  sum(phi) ~ normal(0, 0.001 * N);
  y ~ poisson_log(offsets + beta0 + sigma * convolved_re);
}
generated quantities {
  real log_precision = -2 * log(sigma);
  real logit_rho = logit(rho);
  vector[N] eta = offsets + beta0 + sigma * convolved_re;
  vector[N] mu = exp(eta);
}
