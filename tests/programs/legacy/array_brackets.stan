// warn: deprecated-syntax at 4
data {
  int<lower=0> N;
  int y[N];
  real<lower=0> x[N];
  vector[2] v[N];
  int<lower=1, upper=3> table[2, N];
}
transformed data {
  real z[N] = x;
  matrix[2, 2] m[1, 2];
}
parameters {
  real mu[N];
  real<lower=0> sigma[N];
  simplex[3] theta[2];
}
model {
  real local[N];
  for (n in 1:N) {
    local[n] = mu[n] + x[n];
  }
  y ~ poisson_log(local);
  x ~ normal(mu, sigma);
  mu ~ normal(0, 1);
  sigma ~ exponential(1);
}
